// Owns a small programmable name server on loopback, UDP and TCP on one port, for tests of everything that resolves.
// It has its own few lines of codec on purpose: a mistake in the product's codec must not be mirrored here.
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { createServer, isIPv4, isIPv6, type Server, type Socket } from "node:net";

/** What the stub says for a name. Nothing set at all means "no data". */
export interface StubAnswer {
  /** IPv4 text answers A, IPv6 text answers AAAA. */
  readonly addresses?: readonly string[];
  /** TTL of every record; 60 unless told. */
  readonly ttlSeconds?: number;
  /** Aliases between the name and its addresses, in order: name CNAME first, first CNAME second, … */
  readonly aliases?: readonly string[];
  /** An RCODE in place of records. */
  readonly failure?: "FORMERR" | "SERVFAIL" | "NXDOMAIN" | "NOTIMP" | "REFUSED";
  /** No answer at all; the query is recorded. */
  readonly silent?: boolean;
  /** How long the answer is held back; 0 unless told. */
  readonly delayMs?: number;
  /** Over UDP: only the header and question with the TC bit. Over TCP the whole answer. */
  readonly truncated?: boolean;
  /** Rewrites the finished message, to send what no server should. An array sends each in turn (UDP). */
  readonly mangle?: (message: Uint8Array, query: Uint8Array) => Uint8Array | readonly Uint8Array[];
}

/** One query as it came. */
export interface StubQuery {
  /** As sent, without the last dot; letter case is kept. */
  readonly name: string;
  /** "A", "AAAA" or the number. */
  readonly type: string;
  readonly transport: "udp" | "tcp";
  /** Whether it carried an OPT record (EDNS0). */
  readonly edns: boolean;
}

/** An answer, or a function asked at each query (for names whose answer changes). */
export type StubScript = StubAnswer | ((query: StubQuery) => StubAnswer);

/** A running stub. A name that was never set is NXDOMAIN. */
export interface DnsStub extends AsyncDisposable {
  /** Always "127.0.0.1". */
  readonly address: string;
  readonly port: number;
  /** Every query in order of arrival; tests may empty it with `queries.length = 0`. */
  readonly queries: StubQuery[];
  /** Sets what is said for a name (any letter case, no last dot), for both types or for one of them; the one wins. */
  set(name: string, answer: StubScript, type?: "A" | "AAAA"): void;
  /** Resolves once `count` queries have come in all; rejects after `deadlineMs`. */
  waitForQueries(count: number, deadlineMs?: number): Promise<void>;
  stop(): Promise<void>;
}

const RCODES = { FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
const TYPE_NAMES: Readonly<Record<number, string>> = { 1: "A", 28: "AAAA" };

/**
 * Sends a datagram, again where that fails: Bun (1.4.5) has the kernel report what came back from an earlier peer that is
 * gone, and it comes as an error of the next send, whose datagram is then not sent.
 */
function sendDatagram(udp: UdpSocket, message: Uint8Array, peer: { port: number; address: string }, tries = 5): void {
  udp.send(message, peer.port, peer.address, (error) => {
    if (error !== null && error !== undefined && tries > 1) sendDatagram(udp, message, peer, tries - 1);
  });
}

/** Starts a stub on 127.0.0.1 on a free port, the same for UDP and TCP. */
export async function startDnsStub(): Promise<DnsStub> {
  const { udp, tcp, port } = await bindBoth();
  const scripts = new Map<string, StubScript>();
  const queries: StubQuery[] = [];
  const waiters = new Set<() => void>();
  const timers = new Set<ReturnType<typeof setTimeout>>();
  const connections = new Set<Socket>();
  let stopped = false;

  function answer(bytes: Uint8Array, transport: "udp" | "tcp", send: (message: Uint8Array) => void): void {
    const query = readStubQuery(bytes, transport);
    if (query === undefined) return;
    queries.push(query);
    const name = query.name.toLowerCase();
    const script = scripts.get(`${name} ${query.type}`) ?? scripts.get(name) ?? { failure: "NXDOMAIN" };
    const said = typeof script === "function" ? script(query) : script;
    for (const check of [...waiters]) check();
    if (said.silent === true) return;
    const messages = encodeStubAnswer(bytes, said, transport);
    const timer = setTimeout(() => {
      timers.delete(timer);
      for (const each of messages) if (!stopped) send(each);
    }, said.delayMs ?? 0);
    timers.add(timer);
  }

  udp.on("message", (bytes, peer) => {
    answer(bytes, "udp", (message) => sendDatagram(udp, message, peer));
  });
  tcp.on("connection", (socket) => {
    connections.add(socket);
    let pending = new Uint8Array(0);
    socket.on("error", () => {});
    socket.on("close", () => connections.delete(socket));
    socket.on("data", (bytes: Uint8Array) => {
      pending = concat([pending, bytes]);
      while (pending.length >= 2) {
        const end = 2 + (pending[0]! << 8 | pending[1]!);
        if (pending.length < end) return;
        answer(pending.slice(2, end), "tcp", (message) => {
          if (!socket.destroyed) socket.write(concat([uint16(message.length), message]));
        });
        pending = pending.slice(end);
      }
    });
  });

  async function stop(): Promise<void> {
    if (stopped) return;
    stopped = true;
    for (const timer of timers) clearTimeout(timer);
    for (const socket of connections) socket.destroy();
    await Promise.all([
      new Promise<void>((resolve) => udp.close(() => resolve())),
      new Promise<void>((resolve) => tcp.close(() => resolve())),
    ]);
  }

  return {
    address: "127.0.0.1",
    port,
    queries,
    set(name, script, type) {
      scripts.set(type === undefined ? name.toLowerCase() : `${name.toLowerCase()} ${type}`, script);
    },
    waitForQueries(count, deadlineMs = 5_000) {
      return new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          waiters.delete(check);
          reject(new Error(`Waiting for ${count} DNS queries: ${queries.length} came in ${deadlineMs} ms`));
        }, deadlineMs);
        function check(): void {
          if (queries.length < count) return;
          waiters.delete(check);
          clearTimeout(timer);
          resolve();
        }
        waiters.add(check);
        check();
      });
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** The kernel picks the UDP port; where that port is taken for TCP, another is tried. */
async function bindBoth(): Promise<{ udp: UdpSocket; tcp: Server; port: number }> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const udp = createSocket("udp4");
    await new Promise<void>((resolve, reject) => {
      udp.once("error", reject);
      udp.bind(0, "127.0.0.1", () => resolve());
    });
    const port = udp.address().port;
    const tcp = createServer();
    const bound = await new Promise<boolean>((resolve) => {
      tcp.once("error", () => resolve(false));
      tcp.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (bound) return { udp, tcp, port };
    await new Promise<void>((resolve) => udp.close(() => resolve()));
  }
  throw new Error("Starting a DNS stub: no port is free for both UDP and TCP");
}

interface Question {
  readonly name: string;
  readonly type: number;
  readonly edns: boolean;
  /** Offset behind the question. */
  readonly end: number;
}

function readQuestion(bytes: Uint8Array): Question | undefined {
  if (bytes.length < 17) return undefined;
  const labels: string[] = [];
  let at = 12;
  while (bytes[at] !== 0) {
    const length = bytes[at];
    if (length === undefined || length > 63 || at + 1 + length > bytes.length) return undefined;
    labels.push(String.fromCharCode(...bytes.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  if (at + 5 > bytes.length) return undefined;
  const additional = bytes[10]! << 8 | bytes[11]!;
  return { name: labels.join("."), type: bytes[at + 1]! << 8 | bytes[at + 2]!, edns: additional > 0, end: at + 5 };
}

/** Reads a query as the stub records it; undefined where it is none. */
export function readStubQuery(query: Uint8Array, transport: "udp" | "tcp"): StubQuery | undefined {
  const question = readQuestion(query);
  if (question === undefined) return undefined;
  const type = TYPE_NAMES[question.type] ?? String(question.type);
  return { name: question.name, type, transport, edns: question.edns };
}

/** Makes the messages that the stub sends for a query, `silent` and `delayMs` aside; for tests with a transport of their own. */
export function encodeStubAnswer(query: Uint8Array, said: StubAnswer, transport: "udp" | "tcp"): readonly Uint8Array[] {
  const question = readQuestion(query);
  if (question === undefined) throw new Error("Answering a DNS query: it has no question");
  const ttl = said.ttlSeconds ?? 60;
  const rcode = said.failure === undefined ? 0 : RCODES[said.failure];
  const truncated = said.truncated === true && transport === "udp";
  const records: Uint8Array[] = [];
  if (rcode === 0 && !truncated) {
    let owner = question.name;
    for (const alias of said.aliases ?? []) {
      records.push(encodeRecord(owner, 5, ttl, encodeName(alias)));
      owner = alias;
    }
    for (const address of said.addresses ?? []) {
      if (question.type === 1 && isIPv4(address)) records.push(encodeRecord(owner, 1, ttl, ipv4Bytes(address)));
      if (question.type === 28 && isIPv6(address)) records.push(encodeRecord(owner, 28, ttl, ipv6Bytes(address)));
    }
  }
  const flags = 0x8180 | (truncated ? 0x0200 : 0) | rcode;
  const header = concat([query.subarray(0, 2), uint16(flags), uint16(1), uint16(records.length), uint16(0), uint16(0)]);
  const message = concat([header, query.subarray(12, question.end), ...records]);
  const sent = said.mangle === undefined ? message : said.mangle(message, query);
  return sent instanceof Uint8Array ? [sent] : sent;
}

/** Encodes one resource record of class IN, owner uncompressed; for tests that build messages of their own. */
export function encodeRecord(owner: string, type: number, ttlSeconds: number, data: Uint8Array): Uint8Array {
  const ttl = concat([uint16(ttlSeconds >>> 16), uint16(ttlSeconds & 0xffff)]);
  return concat([encodeName(owner), uint16(type), uint16(1), ttl, uint16(data.length), data]);
}

/** Encodes a name in wire form, uncompressed. */
export function encodeName(name: string): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const label of name === "" ? [] : name.split(".")) {
    parts.push(Uint8Array.of(label.length), Uint8Array.from(label, (char) => char.charCodeAt(0)));
  }
  return concat([...parts, Uint8Array.of(0)]);
}

function ipv4Bytes(text: string): Uint8Array {
  return Uint8Array.from(text.split("."), Number);
}

function ipv6Bytes(text: string): Uint8Array {
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const plain = dotted === null ? text : text.slice(0, dotted.index) +
    [[1, 2], [3, 4]].map(([high, low]) => (Number(dotted[high!]) << 8 | Number(dotted[low!])).toString(16)).join(":");
  const [head = "", tail] = plain.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const groups = [...before, ...Array<string>(8 - before.length - after.length).fill("0"), ...after];
  return concat(groups.map((group) => uint16(parseInt(group, 16))));
}

function uint16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8 & 0xff, value & 0xff);
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
