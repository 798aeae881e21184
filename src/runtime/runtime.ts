// Owns the contract between the core and what it runs on. Names no runtime; an adapter implements every part.
import type { IpAddress } from "../address/ip_address.ts";

/** A connection as its engine knows it: a small integer, unique among open ones and reused after its close. */
export type ConnectionId = number;

/** Why a dial failed; the proxy maps it to an error code. */
export type ConnectFailure = "refused" | "unreachable" | "timeout" | "limit" | "failed";

/** A socket address in text and number, for logs. */
export interface SocketAddress {
  readonly address: IpAddress;
  readonly port: number;
}

/**
 * What an engine tells the core. Every call runs to completion before the next: no two overlap, and none comes while
 * a call *into* the engine is on the stack (an engine defers them), so a handler may call any engine method freely.
 */
export interface EngineHandler {
  /** A client connected; it is reading already. */
  onAccept(id: ConnectionId, client: SocketAddress): void;
  /** The dial succeeded. Reading has begun unless `pause` was called before. */
  onConnect(id: ConnectionId): void;
  /** The dial failed; the id is dead. */
  onConnectFail(id: ConnectionId, failure: ConnectFailure): void;
  /** Bytes came. The view is the engine's: it is valid only until the call returns. Never empty. */
  onData(id: ConnectionId, bytes: Uint8Array): void;
  /** The peer sent FIN. Writing goes on. At most once, after the last `onData`. */
  onEnd(id: ConnectionId): void;
  /** A write queue that held something has become empty. Comes after every `write` that returned false, unless the id dies first. */
  onDrain(id: ConnectionId): void;
  /** The connection is gone and its id dead: `reset` by the peer or by an error, else both sides are over. Never after our own `close` or `reset`. */
  onClose(id: ConnectionId, reset: boolean): void;
  /** A join is over and both ids dead: both directions have ended, or `broken` was reset or failed and the other was reset with it. */
  onJoinEnd?(one: ConnectionId, other: ConnectionId, broken: ConnectionId | undefined): void;
  /**
   * A move is over: `movedBytes` were handed to the other connection, all that were asked for, or fewer where `from` has
   * ended (then `onEnd` follows). `from` is read for the core again.
   */
  onMoveEnd?(from: ConnectionId, movedBytes: number): void;
  /** The time asked for by `wakeAt` has come. */
  onWake(nowMs: number): void;
  /** accept() failed for want of descriptors; the engine pauses accepting for about 100 ms and tries again. */
  onAcceptLimit(): void;
}

/** TCP, as the data path needs it. Nothing in it is a promise; nothing takes a name. */
export interface Engine {
  readonly name: "bun" | "deno" | "posix";
  /** Starts listening; returns the actual address (port 0 resolved). `undefined` address: every address, IPv4 and IPv6. Throws CommandFailure with one clear line where it can't. */
  listen(address: IpAddress | undefined, port: number): Promise<SocketAddress>;
  /** Closes every listener. Connections live on. */
  stopListening(): void;
  /** Begins a dial; `onConnect` or `onConnectFail` follows unless it is closed before. The caller owns the deadline. */
  connect(address: IpAddress, port: number): ConnectionId;
  /**
   * Sends all of `bytes`, now or later: what the kernel does not take is copied and queued by the engine.
   * False: something is queued; the caller stops its source until `onDrain`. True: all went to the kernel.
   * On a dead or write-closed id the bytes are dropped and the result is true.
   */
  write(id: ConnectionId, bytes: Uint8Array): boolean;
  /** Sends FIN after what is queued. Reading goes on. */
  closeWrite(id: ConnectionId): void;
  /** Closes both directions at once after handing the kernel what is queued: no more events for this id. Queued bytes that the kernel does not take within LINGER_MS are dropped with a reset. */
  close(id: ConnectionId): void;
  /** Drops what is queued and sends RST. No more events for this id. */
  reset(id: ConnectionId): void;
  /** No `onData` or `onEnd` until `resume`. Bytes stay in the kernel, so the peer is slowed. */
  pause(id: ConnectionId): void;
  resume(id: ConnectionId): void;
  /** Bytes for a connection that its socket has not taken yet, those on their way through a join or a move included. */
  queuedBytes(id: ConnectionId): number;
  /**
   * Where the engine has it: moves octets between two connections by itself from now on, FIN passed on by direction, with
   * bounded memory; what is queued goes first. No event but `onJoinEnd` comes for either; `close` and `reset` end it.
   */
  join?(client: ConnectionId, upstream: ConnectionId): void;
  /**
   * Where the engine has it: hands the next `countBytes` octets of one connection (Infinity: all up to its FIN) to another
   * by itself, behind what is queued there, with bounded memory; then `onMoveEnd` comes. What follows them is not read.
   * Until then no `onData` and no `onEnd` comes for `from`, no `onDrain` for `to`, and nothing is to be written to `to`; every
   * other event comes as ever, `pause` and `resume` of `from` count, and `to` may be the source of a move itself. Whatever
   * ends one of the two, `close` and `reset` included, ends the move without `onMoveEnd`; what it had read goes to `to`
   * where that lives. Both must be connected.
   */
  move?(from: ConnectionId, to: ConnectionId, countBytes: number): void;
  /** Octets that wait in the kernel, unread. With `move`: so many can be announced before they are moved. */
  readableBytes?(id: ConnectionId): number;
  /** Octets that a join or the latest move has read from a connection; valid until its id is used again. */
  joinedBytes?(id: ConnectionId): number;
  /** When a join or a move last moved an octet from a connection, by Clock.nowMs. */
  joinActiveMs?(id: ConnectionId): number;
  /** The local side of a connected id, for logs. */
  localAddress(id: ConnectionId): SocketAddress | undefined;
  /** Asks for one `onWake` at this time of `Clock.nowMs`; an earlier time replaces a later one. */
  wakeAt(timeMs: number): void;
}

/** Makes the engine for a handler. One engine per handler. */
export type CreateEngine = (handler: EngineHandler) => Engine;

/** Time. */
export interface Clock {
  /** Milliseconds of a monotonic clock; fractions allowed. */
  nowMs(): number;
  /** Milliseconds since the epoch, for log lines only. */
  epochMs(): number;
}

/** Packets to a name server, for the resolver. */
export interface DnsTransport {
  /** Sends `query` from a fresh random port and resolves to the first datagram from that server for which `accept` is true. Rejects when `signal` aborts or the server is unreachable. */
  exchangeUdp(
    server: SocketAddress,
    query: Uint8Array,
    accept: (answer: Uint8Array) => boolean,
    signal: AbortSignal,
  ): Promise<Uint8Array>;
  /** The same over TCP with its two-octet length (RFC 1035 §4.2.2). */
  exchangeTcp(server: SocketAddress, query: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
}

/** The few files that are read. */
export interface Files {
  /**
   * The text, or undefined where there is no such file. Other failures throw with the system's reason. A pipe is read to
   * its end, which may never come; with `mayWait` false it is a failure.
   */
  readText(path: string, mayWait?: boolean): Promise<string | undefined>;
  /** A text that differs when the file has changed, or undefined where there is none. What stands before its colon is the file's identity: another file in its place has another. */
  stamp(path: string): Promise<string | undefined>;
}

/** Folders, as whoever waits for a change of a file needs them. */
export interface Folders {
  /** Where a symbolic link points, as it is written there; undefined where it is none, or may not be known. */
  readLink(path: string): Promise<string | undefined>;
  /**
   * Calls `onHint` soon after something has changed in a folder: an entry or what a file in it holds. A hint may come for
   * nothing and may be missing, where the file system tells nothing even all of them. Returns what ends it. Never throws.
   */
  watch(path: string, onHint: () => void): () => void;
}

/** Long inputs, a part at a time. What fails is thrown by the iteration, with the system's reason. */
export interface Inputs {
  readFile(path: string): AsyncIterable<Uint8Array>;
  readStdin(): AsyncIterable<Uint8Array>;
}

/** A server of the runtime's own for a few requests: health, metrics. Not of the data path. */
export interface Http {
  /** Serves on an address (undefined: every one). Throws CommandFailure with one clear line where it can't. */
  serve(
    address: IpAddress | undefined,
    port: number,
    handle: HttpHandler,
    limits: HttpLimits,
  ): Promise<HttpListener>;
  /** Asks `GET path` of an address, obeying no proxy. Rejects with an Error of a few words where no answer comes in time. */
  get(server: SocketAddress, path: string, limitMs: number): Promise<HttpAnswer>;
}

/** What a server gives to those who connect. */
export interface HttpLimits {
  /** Connections at once. One more is taken, and ends another: of those without a request the one that is quiet longest. */
  readonly maxConnections: number;
  /** How long a request may take to come, its answer to be taken, and the next request to begin. It is kept roughly. */
  readonly patienceMs: number;
}

/** Answers one request, without its body. What it throws becomes a 500. */
export type HttpHandler = (request: Request) => Response | Promise<Response>;

/** A server that listens. */
export interface HttpListener extends SocketAddress {
  /** Stops listening and closes every connection. */
  close(): void;
}

/** An answer as far as it is looked at. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** What the process has taken of the machine. */
export interface ProcessUsage {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** undefined where it is not known. */
  readonly openFiles: number | undefined;
}

/** The process around the program. */
export interface Process {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether stdout is a terminal. */
  readonly stdoutIsTerminal: boolean;
  /** Queues text for stdout; `false` once stdout is broken (closed pipe, full disk), which never throws. */
  writeStdout(text: string): boolean;
  writeStderr(text: string): void;
  /** Resolves when all that was queued has been handed to the kernel, or stdout is broken. */
  flush(): Promise<void>;
  /** All of standard input as text. */
  readStdin(): Promise<string>;
  onSignal(signal: "SIGTERM" | "SIGINT" | "SIGHUP", handler: () => void): void;
  /** The addresses of this machine's interfaces, read afresh. */
  localAddresses(): readonly IpAddress[];
  usage(): ProcessUsage;
  /** The soft limit of open files, or undefined where it is unknown or unlimited. */
  fileLimit(): Promise<number | undefined>;
}

/** One thread of the data plane, seen from the control plane. */
export interface ThreadHandle {
  /** Sends a message, a plain value, and wakes the thread. */
  post(message: unknown): void;
}

/** What is heard of a thread. */
export interface ThreadEvents {
  onMessage(message: unknown): void;
  /** It has ended, with everything that it had open. Once, and last. */
  onEnd(reason: string): void;
}

/** Threads that each run one loop on the operating system's sockets. */
export interface Threads {
  /** Starts loading one thread's program, for the first `spawn` to take: that takes longer than to read a command line. */
  prepare(): void;
  /** Ends the thread that was prepared and not taken, if there is one. */
  dismiss(): void;
  /** Starts a thread; `start` is a plain value that its program begins with. */
  spawn(start: unknown, events: ThreadEvents): ThreadHandle;
}

/** A thread of the data plane, seen from within. */
export interface ThreadSide {
  /** `joinsPort`: other threads of this program listen already where this engine will; else nobody may. */
  createEngine(handler: EngineHandler, joinsPort: boolean): Engine;
  readonly clock: Clock;
  localAddresses(): readonly IpAddress[];
  post(message: unknown): void;
}

/** A socket to the kernel's routing, link and address tables (rtnetlink(7)). Calls block, each for some seconds at most. */
export interface RouteSocket {
  /** Sends one datagram; a negative errno where that fails. */
  send(message: Uint8Array): number;
  /** The next datagram, the caller's to keep; a negative errno where none came. */
  receive(): Uint8Array | number;
  close(): void;
}

/** A socket that sends whole Ethernet frames of ARP. */
export interface FrameSocket {
  /** Sends one frame out of an interface; a negative errno where that fails. */
  send(interfaceIndex: number, frame: Uint8Array): number;
  close(): void;
}

/** The sockets that change the machine's own network. Each is opened, or a negative errno says why not. */
export interface NetworkSockets {
  openRoutes(): RouteSocket | number;
  openFrames(): FrameSocket | number;
}

/** This program once more, as a child process. */
export interface OwnProcess {
  signal(name: "SIGTERM" | "SIGKILL"): void;
  /** Resolves to the exit code; -1 where a signal ended it. */
  readonly exited: Promise<number>;
}

/** What the self-test alone needs: nothing here is part of serving. */
export interface TestBed {
  /** Starts this program with these arguments and an empty environment; tells each line of its output. Throws where it can't. */
  startSelf(args: readonly string[], onLine: (line: string) => void): OwnProcess;
  /** Answers datagrams on a free port of 127.0.0.1 until it is closed; `undefined` is no answer. */
  answerUdp(
    answer: (query: Uint8Array) => Uint8Array | undefined,
  ): Promise<{ readonly port: number; close(): void }>;
  /** Moves octets through two pipes by splice(2). Returns what went wrong. */
  trySplice(): string | undefined;
}

/** Everything that the program needs of what it runs on. */
export interface Runtime {
  readonly name: "bun" | "deno";
  readonly version: string;
  readonly createEngine: CreateEngine;
  readonly clock: Clock;
  readonly dns: DnsTransport;
  readonly files: Files;
  readonly folders: Folders;
  readonly inputs: Inputs;
  readonly process: Process;
  readonly http: Http;
  /** Threads on the operating system's sockets, or why there are none here. */
  readonly threads: Threads | { readonly unavailable: string };
  /** The sockets of `setup-network`, or why there are none here. */
  readonly network: NetworkSockets | { readonly unavailable: string };
  /** Loads what the self-test needs. */
  openTestBed(): Promise<TestBed>;
}
