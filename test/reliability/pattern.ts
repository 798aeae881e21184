// Owns octets that say whose they are: each stream has a number, and from number and place follows every octet. So a body
// that was answered to another, or lost a part, is known for it.

const PERIOD = 65_536;
/** Two periods, so that every part up to one period long is one piece. */
const OCTETS = makeOctets();

/** The octets of a stream from a place on; at most 64 KiB. Not to be written to. */
export function patternOf(stream: number, offset: number, length: number): Uint8Array {
  const start = placeOf(stream, offset);
  return OCTETS.subarray(start, start + Math.min(length, PERIOD));
}

/** The place of the first octet that is not the stream's, or undefined where all are. */
export function findForeignOctet(stream: number, offset: number, octets: Uint8Array): number | undefined {
  let at = placeOf(stream, offset);
  for (let index = 0; index < octets.length; index++) {
    if (octets[index] !== OCTETS[at]) return offset + index;
    if (++at === PERIOD) at = 0;
  }
  return undefined;
}

/** Numbers from a seed: the same run again for the same seed, as far as the order of events allows. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    // Mulberry32, by Tommy Ettinger, in the public domain.
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function placeOf(stream: number, offset: number): number {
  return (stream * 7_919 + offset) % PERIOD;
}

function makeOctets(): Uint8Array {
  const random = seededRandom(1);
  const period = Uint8Array.from({ length: PERIOD }, () => Math.floor(random() * 256));
  const both = new Uint8Array(2 * PERIOD);
  both.set(period);
  both.set(period, PERIOD);
  return both;
}
