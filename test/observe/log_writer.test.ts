// The batches of log lines: when they are written, and what a slow or broken stdout costs.
import { describe, expect, test } from "bun:test";
import { type LogOutput, LogWriter } from "../../src/observe/log_writer.ts";

/** A stdout that takes what it is given when the test says so. */
class FakeOutput implements LogOutput {
  readonly writes: string[] = [];
  stderr = "";
  isBroken = false;
  isStalled = false;
  #written = Promise.withResolvers<void>();
  #wrote = Promise.withResolvers<void>();

  writeStdout(text: string): boolean {
    if (this.isBroken) return false;
    this.writes.push(text);
    this.#wrote.resolve();
    return true;
  }

  writeStderr(text: string): void {
    this.stderr += text;
  }

  flush(): Promise<void> {
    return this.isStalled ? this.#written.promise : Promise.resolve();
  }

  /** Resolves at the next write. */
  get wrote(): Promise<void> {
    this.#wrote = Promise.withResolvers();
    return this.#wrote.promise;
  }

  /** Takes all that it was given. */
  async take(): Promise<void> {
    this.isStalled = false;
    this.#written.resolve();
    this.#written = Promise.withResolvers();
    await Promise.resolve();
    await Promise.resolve();
  }
}

function makeWriter(): { output: FakeOutput; writer: LogWriter } {
  const output = new FakeOutput();
  return { output, writer: new LogWriter(output, (lines) => `${lines} lost\n`) };
}

describe("LogWriter", () => {
  test("gathers lines and writes them together after a while", async () => {
    const { output, writer } = makeWriter();
    const wrote = output.wrote;
    writer.append("a\n");
    writer.append("b\n");
    expect(output.writes).toEqual([]);
    await wrote;
    expect(output.writes).toEqual(["a\nb\n"]);
  });

  test("writes at once when the batch is 32 KiB, and not a character before", async () => {
    const { output, writer } = makeWriter();
    writer.append("x".repeat(32 * 1024 - 1));
    expect(output.writes).toEqual([]);
    writer.append("\n");
    expect(output.writes.map((text) => text.length)).toEqual([32 * 1024]);
    await writer.close();
  });

  test("writes at once when flushed, in the order of the lines", async () => {
    const { output, writer } = makeWriter();
    writer.append("a\n");
    writer.append("b\n");
    writer.flush();
    expect(output.writes).toEqual(["a\nb\n"]);
    await writer.close();
  });

  test("hands a stalled stdout one batch alone, and the rest when it has taken it", async () => {
    const { output, writer } = makeWriter();
    output.isStalled = true;
    writer.append("a\n");
    writer.flush();
    writer.append("b\n");
    writer.flush();
    writer.append("c\n");
    expect(output.writes).toEqual(["a\n"]);
    await output.take();
    expect(output.writes).toEqual(["a\n", "b\nc\n"]);
  });

  test("keeps 4 MiB for a stalled stdout, drops further lines, and says how many", async () => {
    const { output, writer } = makeWriter();
    output.isStalled = true;
    writer.append("first\n");
    writer.flush();
    const line = `${"x".repeat(1023)}\n`;
    for (let i = 0; i < 4096; i++) writer.append(line);
    writer.append("y");
    writer.append(line);
    await output.take();
    expect(output.writes.length).toBe(2);
    const kept = output.writes[1] ?? "";
    expect(kept.length).toBe(4 * 1024 * 1024 + "2 lost\n".length);
    expect(kept).toEndWith("x\n2 lost\n");
    writer.append("after\n");
    await writer.close();
    expect(output.writes.at(-1)).toBe("after\n");
  });

  test("goes on without a broken stdout, and says so once on stderr", async () => {
    const { output, writer } = makeWriter();
    output.isBroken = true;
    writer.append("a\n");
    writer.flush();
    writer.append("b\n");
    writer.flush();
    await writer.close();
    expect(output.writes).toEqual([]);
    expect(output.stderr).toBe(
      "egress-http-proxy: Cannot write the log: stdout is closed; the proxy goes on without it\n",
    );
  });

  test("writes what is left when closed, and waits until it is taken", async () => {
    const { output, writer } = makeWriter();
    output.isStalled = true;
    writer.append("a\n");
    writer.flush();
    writer.append("b\n");
    let closed = false;
    const closing = writer.close().then(() => closed = true);
    await Promise.resolve();
    expect(closed).toBe(false);
    await output.take();
    await closing;
    expect(output.writes).toEqual(["a\n", "b\n"]);
  });
});
