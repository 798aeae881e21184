// readLines(): a stream cut anywhere gives the same lines; one that is too long is cut and held no longer.
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { readLines } from "../../src/suggest/lines.ts";

async function collect(chunks: readonly Uint8Array[]): Promise<string[]> {
  const lines: string[] = [];
  for await (
    const line of readLines(async function* () {
      yield* chunks;
    }())
  ) lines.push(line);
  return lines;
}

test("gives the same lines wherever the stream is cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom("a", "ü", "\n", "€", "\r")),
      fc.nat(),
      fc.nat(),
      async (parts, one, other) => {
        const text = parts.join("");
        const bytes = new TextEncoder().encode(text);
        const [from, to] = [one % (bytes.length + 1), other % (bytes.length + 1)].sort((a, b) => a - b);
        const cut = [bytes.subarray(0, from), bytes.subarray(from, to), bytes.subarray(to)];
        const expected = text.split("\n");
        if (expected.at(-1) === "") expected.pop();
        expect(await collect(cut)).toEqual(expected);
      },
    ),
  );
});

test("cuts a line that is too long, and reads the next", async () => {
  const long = new TextEncoder().encode("x".repeat(200_000));
  const lines = await collect([long, long, long, new TextEncoder().encode("\nnext")]);
  expect([lines.length, lines[0]!.length < 500_000, lines[1]]).toEqual([2, true, "next"]);
});
