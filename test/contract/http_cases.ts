// Owns the contract cases of the server for a few requests.
import { deepStrictEqual, match, rejects, strictEqual } from "node:assert";
import type { HttpHandler, HttpLimits, HttpListener, Runtime } from "../../src/runtime/runtime.ts";
import { ChildScript } from "./child_script.ts";
import { address, eventually, openFiles } from "./engine_kit.ts";
import { RawPeer } from "./raw_peer.ts";
import type { RuntimeCase } from "./runtime_case.ts";

const LOOPBACK = address("127.0.0.1");
/** Longer than any case lasts. */
const PATIENT: HttpLimits = { maxConnections: 4, patienceMs: 600_000 };
const IMPATIENT: HttpLimits = { maxConnections: 4, patienceMs: 200 };
/** More than a kernel keeps for who does not read. */
const HUGE = "x".repeat(32 << 20);

const LONG = `X: ${"y".repeat(1 << 20)}`;

interface Bed {
  readonly listener: HttpListener;
  connect(): Promise<RawPeer>;
  /** All that comes for a text until the server ends the connection. */
  ask(text: string): Promise<string>;
}

function httpCase(
  name: string,
  limits: HttpLimits,
  handle: HttpHandler,
  steps: (bed: Bed, runtime: Runtime) => Promise<void>,
): RuntimeCase {
  return {
    name: `http: ${name}`,
    async run(runtime) {
      const listener = await runtime.http.serve(LOOPBACK, 0, handle, limits);
      const connect = () => RawPeer.connect("127.0.0.1", listener.port);
      try {
        await steps({
          listener,
          connect,
          async ask(text) {
            const peer = await connect();
            peer.write(text);
            await peer.until("the end", () => peer.hasEnded || peer.isClosed);
            peer.socket.destroy();
            return textOf(peer);
          },
        }, runtime);
      } finally {
        listener.close();
      }
    },
  };
}

function textOf(peer: RawPeer): string {
  return new TextDecoder().decode(peer.received);
}

const ECHO: HttpHandler = ({ method, url, headers }) => new Response(`${method} ${url} ${headers.get("accept")}`);

/** A request whose connection ends with its answer. */
function request(line: string, ...fields: readonly string[]): string {
  return [`${line} HTTP/1.1`, "Connection: close", ...fields, "", ""].join("\r\n");
}

const answerTable = [
  { text: request("GET /a?b=c", "Host: h:1", "Accept: x/y"), status: 200, body: "GET http://h:1/a?b=c x/y" },
  { text: request("GET http://other/a", "Host: h"), status: 200, body: "GET http://other/a null" },
  { text: request("GET //other/a", "Host: h"), status: 200, body: "GET http://h//other/a null" },
  { text: "GET / HTTP/1.0\r\n\r\n", status: 200, body: "GET http://localhost/ null" },
  { text: request("HEAD /", "Host: h"), status: 200, body: "" },
  { text: request("POST /", "Host: h", "Content-Length: 0"), status: 200, body: "POST http://h/ null" },
  { text: request("GET /", "Host: a/b"), status: 400, body: "bad request\n" },
  { text: request("GET /", "Host: a@b"), status: 400, body: "bad request\n" },
  { text: request("GET /", "Host: a b"), status: 400, body: "bad request\n" },
  { text: request("GET /", "Host: a", "Host: b"), status: 400, body: "bad request\n" },
  // A request of Fetch can't have these methods.
  { text: request("TRACE /", "Host: h"), status: 405, body: "method not allowed\n" },
  { text: request("CONNECT h:1", "Host: h"), status: 405, body: "method not allowed\n" },
  // The connection is not kept for a body that nobody reads.
  { text: "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n", status: 200, body: "POST http://h/ null" },
  {
    text: "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
    status: 200,
    body: "POST http://h/ null",
  },
];

/** The cases. */
export const httpCases: readonly RuntimeCase[] = [
  ...answerTable.map(({ text, status, body }) =>
    httpCase(`answers ${JSON.stringify(text)}`, PATIENT, ECHO, async ({ ask }) => {
      const answer = await ask(text);
      strictEqual(/^HTTP\/1\.1 ([0-9]{3}) /.exec(answer)?.[1], String(status), answer);
      strictEqual(answer.slice(answer.indexOf("\r\n\r\n") + 4), body);
      if (!text.startsWith("HEAD")) match(answer, new RegExp(`\r\ncontent-length: ${body.length}\r\n`, "i"));
    })
  ),

  httpCase("what the handler throws is a 500", PATIENT, () => Promise.reject(new Error("secret")), async ({ ask }) => {
    const answer = await ask(request("GET /", "Host: h"));
    match(answer, /^HTTP\/1\.1 500 [^]*\r\n\r\ninternal error\n$/);
  }),

  httpCase("what is no HTTP is refused", PATIENT, ECHO, async ({ ask }) => {
    const texts = ["\0\r\n\r\n", request("GET /"), request("OPTIONS *", "Host: h"), request("GET /", "Host: h", LONG)];
    for (const text of texts) {
      const answer = await ask(text);
      if (answer !== "") match(answer, /^HTTP\/1\.1 4[0-9]{2} /);
    }
  }),

  httpCase("one connection too many ends the one that is quiet longest", PATIENT, ECHO, async ({ connect, ask }) => {
    const quiet: RawPeer[] = [];
    for (let count = 0; count < 12; count++) {
      const peer = await connect();
      peer.write("G");
      quiet.push(peer);
    }
    for (const peer of quiet.slice(0, 8)) await peer.until("the end", () => peer.hasEnded || peer.isClosed);
    deepStrictEqual(quiet.slice(8).filter((peer) => peer.hasEnded || peer.isClosed), []);
    match(await ask(request("GET /", "Host: h")), /^HTTP\/1\.1 200 /);
    for (const peer of quiet) peer.socket.destroy();
  }),

  httpCase("who asks again and again before it has its answer is cut off", PATIENT, async () => {
    asked++;
    await slow.promise;
    return new Response("done");
  }, async ({ connect, ask }) => {
    asked = 0;
    slow = Promise.withResolvers();
    const peer = await connect();
    peer.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n".repeat(1000));
    await peer.until("the end", () => peer.hasEnded || peer.isClosed);
    strictEqual(asked, 1);
    slow.resolve();
    match(await ask(request("GET /", "Host: h")), /done$/);
  }),

  httpCase("a few requests at once are answered one after the other, in order", PATIENT, async ({ url }) => {
    asked++;
    if (url.endsWith("/slow")) await slow.promise;
    return new Response(`${url} was ${asked} `);
  }, async ({ connect }) => {
    asked = 0;
    slow = Promise.withResolvers();
    const peer = await connect();
    const kept = "HTTP/1.1\r\nHost: h\r\n\r\n";
    peer.write(`GET /slow ${kept}GET /b ${kept}${request("GET /c", "Host: h")}`);
    await eventually("the first is asked", () => asked === 1);
    slow.resolve();
    await peer.until("the end", () => peer.hasEnded || peer.isClosed);
    deepStrictEqual(textOf(peer).match(/http:\S+ was [0-9]+/g), [
      "http://h/slow was 1",
      "http://h/b was 2",
      "http://h/c was 3",
    ]);
  }),

  httpCase("who has shut its sending side gets its answer, and the end", PATIENT, async ({ url }) => {
    asked++;
    await slow.promise;
    return new Response(`done ${url}`);
  }, async ({ connect }) => {
    asked = 0;
    slow = Promise.withResolvers();
    const peer = await connect();
    peer.write("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
    peer.socket.end();
    await eventually("it is asked", () => asked === 1);
    for (const text of ["", "GET / HT"]) {
      const other = await connect();
      if (text !== "") other.write(text);
      other.socket.end();
      await other.until("the end", () => other.hasEnded || other.isClosed);
    }
    slow.resolve();
    await peer.until("the end", () => peer.hasEnded || peer.isClosed);
    match(textOf(peer), /\r\n\r\ndone http:\/\/h\/a$/);
  }),

  httpCase("a connection with a request stays while others are quiet", PATIENT, async (request) => {
    if (request.url.endsWith("/slow")) await slow.promise;
    return new Response("done");
  }, async ({ connect }) => {
    slow = Promise.withResolvers();
    const asking = await connect();
    asking.write(request("GET /slow", "Host: h"));
    const kept = await connect();
    kept.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    await kept.until("the answer", () => textOf(kept).endsWith("done"));
    for (let count = 0; count < 12; count++) (await connect()).write("G");
    await kept.until("the end", () => kept.hasEnded || kept.isClosed);
    strictEqual(textOf(asking), "");
    slow.resolve();
    await asking.until("the end", () => asking.hasEnded);
    match(textOf(asking), /\r\n\r\ndone$/);
  }),

  httpCase("who says nothing, or drips, is not waited for", IMPATIENT, ECHO, async ({ connect }) => {
    const peers = await Promise.all(["", "GET / HT", "GET / HTTP/1.1\r\nHost: h\r\n\r\n"].map(async (text) => {
      const peer = await connect();
      if (text !== "") peer.write(text);
      return peer;
    }));
    for (const peer of peers) await peer.until("the end", () => peer.hasEnded || peer.isClosed);
    match(textOf(peers[2]!), /^HTTP\/1\.1 200 /);
  }),

  {
    name: "http: who does not read its answer is not waited for",
    async run({ http }) {
      let filesAtRequest = 0;
      const listener = await http.serve(LOOPBACK, 0, () => {
        filesAtRequest = openFiles();
        return new Response(HUGE);
      }, IMPATIENT);
      const peer = await RawPeer.connect("127.0.0.1", listener.port, { isPaused: true });
      peer.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
      // Of what is not read, the end can't be seen: the server's descriptor is.
      await eventually("the connection is given up", () => openFiles() < filesAtRequest);
      peer.socket.destroy();
      listener.close();
    },
  },

  httpCase("a taken port is one clear error", PATIENT, ECHO, async ({ listener }, { http }) => {
    await rejects(http.serve(LOOPBACK, listener.port, ECHO, PATIENT), {
      message:
        `Cannot listen on "127.0.0.1:${listener.port}": the address is in use; stop what listens there or choose another port`,
    });
  }),

  httpCase("close() ends every connection", PATIENT, ECHO, async ({ listener, connect }) => {
    const quiet = await connect();
    quiet.write("G");
    const kept = await connect();
    kept.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    await kept.until("the answer", () => textOf(kept).endsWith("null"));
    listener.close();
    for (const peer of [quiet, kept]) await peer.until("the end", () => peer.hasEnded || peer.isClosed);
    await rejects(RawPeer.connect("127.0.0.1", listener.port).then(({ errorCode }) => Promise.reject(errorCode)));
  }),

  {
    name: "http: every address is IPv4 and IPv6",
    async run({ http }) {
      const listener = await http.serve(undefined, 0, ECHO, PATIENT);
      for (const [host, name] of [["127.0.0.1", "127.0.0.1"], ["::1", "[::1]"]] as const) {
        const answer = await http.get({ address: address(host), port: listener.port }, "/a", 10_000);
        deepStrictEqual(answer, { status: 200, body: `GET http://${name}:${listener.port}/a null` });
      }
      listener.close();
    },
  },

  {
    name: "http: it goes on when descriptors ran out",
    async run() {
      const script = new ChildScript("http_script.ts", [], { openFilesLimit: 64 });
      try {
        const [, port] = await script.until(/listening ([0-9]+)/);
        const peers = await Promise.all(
          Array.from({ length: 100 }, () => RawPeer.connect("127.0.0.1", Number(port))),
        );
        for (const peer of peers) peer.write("G");
        await script.until(/no descriptor left/);
        for (const peer of peers) peer.socket.destroy();
        const again = await RawPeer.connect("127.0.0.1", Number(port));
        again.write(request("GET /", "Host: h"));
        await again.until("an answer", () => again.hasEnded);
        match(textOf(again), /^HTTP\/1\.1 200 /);
      } finally {
        script.kill();
      }
    },
  },
];

let slow: PromiseWithResolvers<void>;
let asked = 0;
