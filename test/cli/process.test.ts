// The program as a process of its own: exit codes, streams, signals, and a stdout that goes away.
import { describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import manifest from "../../package.json" with { type: "json" };

const ROOT = new URL("../..", import.meta.url).pathname;
const COMMAND = [`${ROOT}node_modules/.bin/bun`, "--no-env-file", `${ROOT}src/main.ts`];
const LIMIT_MS = 20_000;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function spawn(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  before: readonly string[] = [],
) {
  return Bun.spawn([...before, ...COMMAND, ...args], {
    env: { PATH: process.env.PATH ?? "", ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
  });
}

async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const child = spawn(args, env);
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, stdout, stderr };
}

describe("the process", () => {
  const table: { name: string; args: string[]; env?: Record<string, string>; expected: Ended }[] = [
    {
      name: "prints the version of package.json",
      args: ["--version"],
      expected: { code: 0, stdout: `egress-http-proxy ${manifest.version}\n`, stderr: "" },
    },
    {
      name: "ends with 2 without rules",
      args: [],
      expected: { code: 2, stdout: "", stderr: "egress-http-proxy: No EGRESS_HTTP_PROXY_DESTINATION specified\n" },
    },
    {
      name: "ends with 2 for an unknown flag",
      args: ["--lisen", ":1"],
      expected: {
        code: 2,
        stdout: "",
        stderr: "egress-http-proxy: Unknown flag '--lisen': did you mean '--listen'?\n",
      },
    },
    {
      name: "ends with 1 where a target is denied",
      args: ["explain", "--destination", "!a.example\n*", "a.example"],
      expected: { code: 1, stdout: "a.example: denied by rule 1 at line 1 '!a.example'\n", stderr: "" },
    },
    {
      name: "prints the original's access lists in its unit-test mode",
      args: [],
      env: { EGRESS_HTTP_PROXY_MODE: "unit-test", EGRESS_HTTP_PROXY_DESTINATION: "*" },
      expected: { code: 0, stdout: "\nhttp_access allow all\n", stderr: "" },
    },
  ];
  for (const { name, args, env, expected } of table) {
    test(name, async () => expect(await run(args, env)).toEqual(expected), LIMIT_MS);
  }

  test("listens, ends in order at SIGTERM, and its log is one JSON object a line", async () => {
    const child = spawn(["--listen", "127.0.0.1:0"], { EGRESS_HTTP_PROXY_DESTINATION: "a.example" });
    let stdout = "";
    const decoder = new TextDecoder();
    for await (const bytes of child.stdout) {
      stdout += decoder.decode(bytes, { stream: true });
      if (stdout.includes('"listening"') && !child.killed) child.kill("SIGTERM");
    }
    expect(await child.exited).toBe(0);
    expect(await new Response(child.stderr).text()).toBe("");
    const lines = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    expect(lines.map((line) => line.message)).toEqual(["listening", "stopping", "stopped"]);
    expect(lines[0].address).toMatch(/^127\.0\.0\.1:[1-9][0-9]*$/);
  }, LIMIT_MS);

  for (const engine of ["posix", "portable"]) {
    test(`goes on where descriptors run out, and says so once a second at most: ${engine}`, async () => {
      const args = ["--listen", "127.0.0.1:0", "--max-connections", "1000", "--engine", engine];
      const child = spawn(args, { EGRESS_HTTP_PROXY_DESTINATION: "a.example" }, [
        "sh",
        "-c",
        'ulimit -n 64 && exec "$@"',
        "sh",
      ]);
      const log = new LogReader(child.stdout);
      const [{ address }] = await log.lines("listening", 1);
      const port = Number(/:([0-9]+)$/.exec(String(address))?.[1]);
      const clients = await Promise.all(Array.from({ length: 100 }, () => connectSilently(port)));
      const warnings = await log.lines("cannot accept connections: no file descriptor is left", 3);
      const times = warnings.map(({ time }) => Date.parse(String(time)));
      expect(times.slice(1).every((time, at) => time - times[at]! >= 990)).toBe(true);
      // Nobody was sent away, and all of them are served when there is room.
      expect(clients.filter((client) => client.closed)).toEqual([]);
      for (const client of clients) client.destroy();
      expect(await askFor(port, "b.example")).toStartWith("HTTP/1.1 403 ");
      child.kill("SIGTERM");
      expect(await child.exited).toBe(0);
      expect(await new Response(child.stderr).text()).toBe("");
    }, LIMIT_MS);
  }

  test("goes on where the reader of its log has gone", async () => {
    const child = spawn(["--listen", "127.0.0.1:0"], { EGRESS_HTTP_PROXY_DESTINATION: "a.example" });
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    const port = Number(/"address":"127\.0\.0\.1:([0-9]+)"/.exec(new TextDecoder().decode(value))?.[1]);
    await reader.cancel();
    for (let round = 0; round < 3; round++) expect(await askFor(port, "b.example")).toStartWith("HTTP/1.1 403 ");
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    expect(await new Response(child.stderr).text()).toBe(
      "egress-http-proxy: Cannot write the log: stdout is closed; the proxy goes on without it\n",
    );
  }, LIMIT_MS);
});

/** The log lines of a process, as they come. */
class LogReader {
  readonly #lines: AsyncIterator<Record<string, unknown>>;

  constructor(stdout: ReadableStream<Uint8Array>) {
    this.#lines = LogReader.#read(stdout);
  }

  static async *#read(stdout: ReadableStream<Uint8Array>): AsyncGenerator<Record<string, unknown>> {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const bytes of stdout) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) yield JSON.parse(line);
    }
  }

  /** The next so many lines with this message; others are passed over. */
  async lines(message: string, count: number): Promise<[Record<string, unknown>, ...Record<string, unknown>[]]> {
    const found: Record<string, unknown>[] = [];
    while (found.length < count) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error(`The log ended before ${count} lines '${message}'`);
      if (value.message === message) found.push(value);
    }
    return found as [Record<string, unknown>, ...Record<string, unknown>[]];
  }
}

/** Connects, resets included in what is no failure of the test's. */
function connectSilently(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket));
    socket.on("error", reject);
  });
}

/** Asks the proxy for a host on a connection of its own and resolves with all that it answers. */
function askFor(port: number, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1", () => {
      socket.write(`GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    });
    socket.on("data", (bytes) => answer += bytes.toString("latin1"));
    socket.on("end", () => resolve(answer));
    socket.on("error", reject);
  });
}
