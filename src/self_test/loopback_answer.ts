// Owns the answers of the self-test's name server. Sends nothing.

const HEADER_BYTES = 12;

/** Answers a query for an address of any name: 127.0.0.1 by IPv4, none by IPv6 (RFC 1035 §4.1). */
export function answerWithLoopback(query: Uint8Array): Uint8Array | undefined {
  const end = query.indexOf(0, HEADER_BYTES) + 5;
  if (end < HEADER_BYTES + 5 || end > query.length) return undefined;
  const isIpv4 = query[end - 3] === 1;
  const record = [0xc0, HEADER_BYTES, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1];
  const answer = new Uint8Array(end + (isIpv4 ? record.length : 0));
  answer.set(query.subarray(0, end));
  answer.set([0x81, 0x80, 0, 1, 0, isIpv4 ? 1 : 0, 0, 0, 0, 0], 2);
  if (isIpv4) answer.set(record, end);
  return answer;
}
