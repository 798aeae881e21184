// Owns what clients do to the proxy under test, good and bad, each with what must come of it. An operation throws where
// the proxy does anything else. Its host is its own, so that the log can be held to it.
import type { DnsStub, StubAnswer } from "../support/dns_stub.ts";
import type { HttpResponse } from "../support/http_message.ts";
import { connectRaw, type Endpoint } from "../support/raw_client.ts";
import type { RawConnection } from "../support/raw_connection.ts";
import type { Ending, Expectation } from "./expectation.ts";
import type { OriginProcess } from "./origin_process.ts";
import { findForeignOctet, patternOf } from "./pattern.ts";

/** What operations work with. */
export interface World {
  readonly proxy: Endpoint;
  readonly dns: DnsStub;
  readonly origin: OriginProcess;
  /** One that is stopped and goes on now and then. */
  readonly frozenOrigin: OriginProcess;
  readonly random: () => number;
  readonly expectations: Expectation[];
}

/** How many streams one operation has at most: its streams are those from `firstStream` on. */
const STREAMS_EACH = 8;

/** One kind of operation; `weight` is how often it is chosen, among the others. */
export interface Operation {
  readonly name: string;
  readonly weight: number;
  run(world: World, id: number): Promise<void>;
}

/** Every kind. */
export const OPERATIONS: readonly Operation[] = [
  { name: "downloads", weight: 20, run: (world, id) => download(world, id, ["length", "chunked", "close", "trickle"]) },
  { name: "uploads", weight: 10, run: upload },
  { name: "a large download, read slowly", weight: 2, run: readSlowly },
  { name: "answers that break off", weight: 12, run: breakOff },
  { name: "denied names", weight: 10, run: denied },
  { name: "names whose rule changes", weight: 10, run: flapping },
  { name: "name servers that fail", weight: 6, run: failingName },
  { name: "name servers that answer oddly", weight: 6, run: oddName },
  { name: "an echo through a tunnel", weight: 14, run: echo },
  { name: "tunnels cut by the client", weight: 10, run: cutTunnel },
  { name: "clients that go away", weight: 8, run: goAway },
  { name: "an origin that stands still", weight: 4, run: frozen },
  { name: "nobody listening", weight: 4, run: refused },
  { name: "heads that stop short", weight: 3, run: stopShort },
  { name: "heads that drip", weight: 3, run: drip },
  { name: "uploads broken off", weight: 4, run: breakUpload },
  { name: "tunnels that nobody reads from", weight: 3, run: neverRead },
];

const ALLOWED: Ending = { decision: "allow", status: 200 };
const DENIED: Ending = { decision: "deny", status: 403 };

async function download(world: World, id: number, modes: readonly string[]): Promise<void> {
  const host = allowedHost(world, id, "open");
  const count = 1 + pick(world, 4);
  const requests = Array.from({ length: count }, (_, at) => ({
    mode: modes[pick(world, modes.length)]!,
    stream: streamOf(id, at),
    size: sizeOf(world, 40_000),
  }));
  expectLog(world, host, [ALLOWED], count);
  await using client = await connectRaw(world.proxy);
  const heads = requests.map(({ mode, stream, size }) => requestHead(host, world.origin.httpPort, mode, stream, size));
  const isPipelined = pick(world, 3) === 0;
  if (isPipelined) await client.send(heads.join(""));
  for (const [at, { mode, stream, size }] of requests.entries()) {
    if (!isPipelined) await client.send(heads[at]!);
    checkWhole(await client.readResponse(), `${host} ${mode}`, stream, size);
  }
}

async function upload(world: World, id: number): Promise<void> {
  const host = allowedHost(world, id, "open");
  expectLog(world, host, [ALLOWED], 1);
  const size = sizeOf(world, 300_000);
  const isChunked = pick(world, 2) === 0;
  await using client = await connectRaw(world.proxy);
  const framing = isChunked ? "Transfer-Encoding: chunked" : `Content-Length: ${size}`;
  await client.send(requestHead(host, world.origin.httpPort, "length", streamOf(id), 100, "POST", `${framing}\r\n`));
  for (let at = 0; at < size;) {
    const part = patternOf(streamOf(id), at, Math.min(1 + pick(world, 50_000), size - at));
    await client.send(isChunked ? Buffer.concat([chunkHead(part.length), part, Buffer.from("\r\n")]) : part);
    at += part.length;
  }
  if (isChunked) await client.send("0\r\n\r\n");
  checkWhole(await client.readResponse("POST"), `${host} upload`, streamOf(id), 100);
}

async function readSlowly(world: World, id: number): Promise<void> {
  const host = allowedHost(world, id, "open");
  expectLog(world, host, [ALLOWED], 1);
  const size = 2_000_000 + pick(world, 1_000_000);
  await using client = await connectRaw(world.proxy);
  await client.send(requestHead(host, world.origin.httpPort, "length", streamOf(id), size));
  await client.readHead();
  for (let at = 0; at < size;) {
    const length = Math.min(60_000, size - at);
    client.pause();
    await new Promise((resolve) => setImmediate(resolve));
    client.resume();
    checkOctets(streamOf(id), at, await client.readBytes(length), host);
    at += length;
  }
}

async function breakOff(world: World, id: number): Promise<void> {
  const modes = ["cut", "cutchunk", "reset", "vanish", "malformed", "mute"];
  const mode = modes[pick(world, modes.length)]!;
  const host = allowedHost(world, id, "open");
  const failures: Record<string, readonly number[]> = {
    malformed: [502],
    mute: [504],
    vanish: [502],
    reset: [200, 502],
  };
  const statuses = failures[mode] ?? [200];
  expectLog(world, host, statuses.map((status) => ({ decision: "allow", status })), 1);
  const size = 20_000 + pick(world, 200_000);
  await using client = await connectRaw(world.proxy);
  await client.send(requestHead(host, world.origin.httpPort, mode, streamOf(id), size));
  let response: HttpResponse;
  try {
    response = await client.readResponse();
  } catch (error) {
    // A reset that overtakes the head: nothing that could be taken for an answer.
    if (mode === "reset" && client.ending === "reset" && client.receivedLength === 0) return;
    throw error;
  }
  if (!statuses.includes(response.status)) throw new Error(`${host} ${mode}: status ${response.status}`);
  if (response.status !== 200) return;
  if (response.complete) throw new Error(`${host} ${mode}: a cut body looks whole`);
  checkOctets(streamOf(id), 0, Buffer.from(response.body, "latin1"), host);
}

async function denied(world: World, id: number): Promise<void> {
  const host = `o${id}.closed.test`;
  expectLog(world, host, [DENIED], 1);
  await using client = await connectRaw(world.proxy);
  const isConnect = pick(world, 2) === 0;
  await client.send(
    isConnect
      ? `CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}:443\r\n\r\n`
      : requestHead(host, world.origin.httpPort, "length", streamOf(id), 10),
  );
  checkStatus(await client.readResponse(isConnect ? "CONNECT" : "GET"), host, [403]);
}

async function flapping(world: World, id: number): Promise<void> {
  const host = allowedHost(world, id, "flap");
  const count = 1 + pick(world, 3);
  // Whatever the rules say at that moment. One that is under way when they change may be closed: it was allowed.
  expectLog(world, host, [ALLOWED, DENIED, { decision: "allow", status: 403 }], count);
  await using client = await connectRaw(world.proxy);
  for (let at = 0; at < count; at++) {
    await client.send(requestHead(host, world.origin.httpPort, "length", streamOf(id, at), 1_000));
    const response = await client.readResponse();
    if (response.status === 403) continue;
    checkWhole(response, host, streamOf(id, at), 1_000);
  }
}

async function failingName(world: World, id: number): Promise<void> {
  const answers: readonly (readonly [StubAnswer | undefined, readonly number[]])[] = [
    [undefined, [502]],
    [{}, [502]],
    [{ failure: "SERVFAIL" }, [502]],
    [{ failure: "REFUSED" }, [502]],
    [{ silent: true }, [504]],
  ];
  const [answer, statuses] = answers[pick(world, answers.length)]!;
  const host = `o${id}.failing.test`;
  if (answer !== undefined) world.dns.set(host, answer);
  expectLog(world, host, statuses.map((status) => ({ decision: "none", status })), 1);
  await using client = await connectRaw(world.proxy);
  await client.send(requestHead(host, world.origin.httpPort, "length", streamOf(id), 10));
  checkStatus(await client.readResponse(), host, statuses);
}

async function oddName(world: World, id: number): Promise<void> {
  const odd: readonly StubAnswer[] = [
    { truncated: true },
    { delayMs: 30 },
    { aliases: [`alias${id}.test`, `alias${id}b.test`] },
    { mangle: (message) => [withOtherId(message), message] },
    { mangle: (message) => [Uint8Array.of(1, 2, 3), message] },
  ];
  const host = `o${id}.odd.test`;
  world.dns.set(host, { addresses: ["127.0.0.1"], ...odd[pick(world, odd.length)] });
  expectLog(world, host, [ALLOWED], 1);
  await using client = await connectRaw(world.proxy);
  await client.send(requestHead(host, world.origin.httpPort, "length", streamOf(id), 500));
  checkWhole(await client.readResponse(), host, streamOf(id), 500);
}

async function echo(world: World, id: number): Promise<void> {
  const host = allowedHost(world, id, "open");
  expectLog(world, host, [ALLOWED], 1);
  await using client = await openTunnel(world, host);
  const size = sizeOf(world, pick(world, 4) === 0 ? 1_500_000 : 30_000);
  const sending = sendAll(client, streamOf(id), size);
  for (let at = 0; at < size;) {
    const length = Math.min(50_000, size - at);
    checkOctets(streamOf(id), at, await client.readBytes(length), host);
    at += length;
  }
  await sending;
  const { octets, ending } = await client.readToEnd();
  if (octets !== "" || ending !== "fin") throw new Error(`${host}: the tunnel ended by ${ending} with more octets`);
}

async function cutTunnel(world: World, id: number): Promise<void> {
  const host = allowedHost(world, id, "open");
  expectLog(world, host, [ALLOWED], 1);
  await using client = await openTunnel(world, host);
  const size = 1 + sizeOf(world, 500_000);
  void sendAll(client, streamOf(id), size);
  const first = Math.min(size, 1 + pick(world, 20_000));
  checkOctets(streamOf(id), 0, await client.readBytes(first), host);
  if (pick(world, 2) === 0) client.pause();
}

async function goAway(world: World, id: number): Promise<void> {
  const host = allowedHost(world, id, "open");
  const mode = ["mute", "trickle", "length"][pick(world, 3)]!;
  await using client = await connectRaw(world.proxy);
  const head = requestHead(host, world.origin.httpPort, mode, streamOf(id), 400_000);
  const isWholeHead = pick(world, 3) > 0;
  expectLog(world, host, [{ decision: "allow" }, { decision: "none" }], 1, 0);
  await client.send(isWholeHead ? head : head.slice(0, pick(world, head.length)));
  if (mode === "length" && isWholeHead) await client.hasReceived(1);
}

async function frozen(world: World, id: number): Promise<void> {
  const host = allowedHost(world, id, "open");
  expectLog(world, host, [ALLOWED, { decision: "allow", status: 504 }], 1);
  await using client = await connectRaw(world.proxy);
  await client.send(requestHead(host, world.frozenOrigin.httpPort, "length", streamOf(id), 5_000));
  const response = await client.readResponse();
  checkStatus(response, host, [200, 504]);
  if (response.status === 200) checkWhole(response, host, streamOf(id), 5_000);
}

async function refused(world: World, id: number): Promise<void> {
  const host = allowedHost(world, id, "open");
  expectLog(world, host, [{ decision: "allow", status: 502 }], 1);
  await using client = await connectRaw(world.proxy);
  await client.send(`CONNECT ${host}:1 HTTP/1.1\r\nHost: ${host}:1\r\n\r\n`);
  checkStatus(await client.readResponse("CONNECT"), host, [502]);
}

/** Under --header-timeout. It never had a host, so the log is not held to it. */
async function stopShort(world: World, id: number): Promise<void> {
  await using client = await connectRaw(world.proxy);
  await client.send(`GET http://o${id}.open.test/ HTTP/1.1\r\nX: `);
  checkStatus(await client.readResponse(), `a head that stops short`, [408]);
}

/** Octet by octet, and a FIN in the place of the last one in every other case. On a busy machine it may take longer than a head may. */
async function drip(world: World, id: number): Promise<void> {
  const host = allowedHost(world, id, "open");
  const isWhole = pick(world, 2) === 0;
  if (isWhole) expectLog(world, host, [ALLOWED], 1, 0);
  await using client = await connectRaw(world.proxy);
  const head = requestHead(host, world.origin.httpPort, "length", streamOf(id), 300);
  await client.sendByteByByte(isWhole ? head : head.slice(0, -1));
  if (isWhole) {
    const response = await client.readResponse();
    return response.status === 408 ? undefined : checkWhole(response, host, streamOf(id), 300);
  }
  client.finish();
  await client.ended();
}

/** A FIN or a reset in the middle of a body: the origin must not take it for whole, nor the client's neighbours feel it. */
async function breakUpload(world: World, id: number): Promise<void> {
  const host = allowedHost(world, id, "open");
  expectLog(world, host, [{ decision: "allow" }, { decision: "none" }], 1, 0);
  await using client = await connectRaw(world.proxy);
  const size = 1_000 + sizeOf(world, 300_000);
  const stream = streamOf(id);
  await client.send(
    requestHead(host, world.origin.httpPort, "length", stream, 10, "POST", `Content-Length: ${size}\r\n`),
  );
  await client.send(patternOf(stream, 0, 1 + pick(world, size - 1)));
  if (pick(world, 2) === 0) return client.reset();
  client.finish();
  const { octets } = await client.readToEnd();
  if (octets.startsWith("HTTP/1.1 200")) throw new Error(`${host}: a cut upload was answered as a whole one`);
}

/** More than all buffers hold, to a peer that sends it back to a client that takes nothing. */
async function neverRead(world: World, id: number): Promise<void> {
  const host = allowedHost(world, id, "open");
  expectLog(world, host, [ALLOWED], 1);
  await using client = await openTunnel(world, host);
  client.pause();
  void sendAll(client, streamOf(id), 20_000_000);
  await new Promise((resolve) => setTimeout(resolve, 300));
  client.reset();
}

// ── what they have in common ──

function allowedHost({ dns }: World, id: number, zone: "open" | "flap"): string {
  const host = `o${id}.${zone}.test`;
  dns.set(host, { addresses: ["127.0.0.1"] });
  return host;
}

function expectLog(
  { expectations }: World,
  host: string,
  endings: readonly Ending[],
  most: number,
  least = most,
): void {
  expectations.push({ host, endings, least, most });
}

async function openTunnel(world: World, host: string): Promise<RawConnection> {
  const authority = `${host}:${world.origin.tunnelPort}`;
  const client = await connectRaw(world.proxy);
  await client.send(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
  const head = await client.readHead();
  if (head !== "HTTP/1.1 200 Connection established\r\n\r\n") throw new Error(`${host}: not a tunnel: ${head}`);
  return client;
}

/** Sends a stream and FIN, as fast as it is taken. */
async function sendAll(client: RawConnection, stream: number, size: number): Promise<void> {
  for (let at = 0; at < size;) {
    const part = patternOf(stream, at, size - at);
    if (!await client.send(part)) return;
    at += part.length;
  }
  client.finish();
}

function requestHead(
  host: string,
  port: number,
  mode: string,
  stream: number,
  size: number,
  method = "GET",
  fields = "",
): string {
  return `${method} http://${host}:${port}/${mode}/${stream}/${size} HTTP/1.1\r\nHost: x\r\n${fields}\r\n`;
}

function chunkHead(size: number): Buffer {
  return Buffer.from(`${size.toString(16)}\r\n`);
}

function withOtherId(message: Uint8Array): Uint8Array {
  const other = message.slice();
  other[0]! ^= 0x55;
  return other;
}

function checkWhole(response: HttpResponse, what: string, stream: number, size: number): void {
  checkStatus(response, what, [200]);
  if (response.value("x-stream") !== String(stream)) {
    throw new Error(`${what}: answered with stream ${response.value("x-stream")}, not ${stream}`);
  }
  if (!response.complete || response.body.length !== size) {
    throw new Error(`${what}: ${response.body.length} of ${size} octets, complete: ${response.complete}`);
  }
  checkOctets(stream, 0, Buffer.from(response.body, "latin1"), what);
}

function checkStatus(response: HttpResponse, what: string, statuses: readonly number[]): void {
  if (!statuses.includes(response.status)) {
    throw new Error(`${what}: status ${response.status}, not ${statuses.join(" or ")}: ${response.body.slice(0, 200)}`);
  }
}

function checkOctets(stream: number, from: number, octets: Uint8Array, what: string): void {
  const foreign = findForeignOctet(stream, from, octets);
  if (foreign !== undefined) throw new Error(`${what}: octet ${foreign} is not that of stream ${stream}`);
}

function pick({ random }: World, count: number): number {
  return Math.floor(random() * count);
}

/** The number of an operation's stream; no other operation has it. */
function streamOf(id: number, at = 0): number {
  return id * STREAMS_EACH + at;
}

/** Small ones more often than large ones, 0 among them. */
function sizeOf(world: World, most: number): number {
  return Math.floor(world.random() ** 3 * most);
}
