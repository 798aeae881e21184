// Owns the cutting of a stream of octets into lines, of which it holds one at a time. Knows nothing of what is in them.

/** A longer line is no line of a log: its first part is given, the rest is dropped. */
const MAX_LINE_BYTES = 64 * 1024;

const LF = 0x0a;

/** Gives the lines of a stream without their line feeds, the last one too where it has none. */
export async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  const hold = (part: Uint8Array) => {
    if (part.length === 0 || heldBytes >= MAX_LINE_BYTES) return;
    held.push(part.slice());
    heldBytes += part.length;
  };
  const take = (): string => {
    const line = new Uint8Array(heldBytes);
    let at = 0;
    for (const part of held) {
      line.set(part, at);
      at += part.length;
    }
    held = [];
    heldBytes = 0;
    return decoder.decode(line);
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      const part = chunk.subarray(start, end);
      start = end + 1;
      if (heldBytes === 0) {
        yield decoder.decode(part.subarray(0, MAX_LINE_BYTES));
        continue;
      }
      hold(part);
      yield take();
    }
    hold(chunk.subarray(start));
  }
  if (heldBytes > 0) yield take();
}
