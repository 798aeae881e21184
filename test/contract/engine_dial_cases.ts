// Owns the contract cases of listening and dialling.
import { ok, rejects, strictEqual } from "node:assert";
import { CommandFailure } from "../../src/errors.ts";
import { address, type EngineCase, engineCase, eventually, octets, openFiles, textOf } from "./engine_kit.ts";
import { StalledServer } from "./stalled_server.ts";

const UNREACHABLE = ["255.255.255.255", "224.0.0.1", "fe80::1"];

/** The cases. */
export const dialCases: readonly EngineCase[] = [
  ...["127.0.0.1", "::1"].map((host) =>
    engineCase(`listen() on ${host} tells the port, and onAccept the client`, async (kit) => {
      const { engine } = kit;
      const bound = await engine.listen(address(host), 0);
      strictEqual(bound.address.text, host);
      ok(bound.port > 0);
      const peer = await kit.peer(host, bound.port);
      const { id, client } = await engine.take("accept");
      strictEqual(client?.address.text, host);
      strictEqual(client?.port, peer.socket.localPort);
      strictEqual(engine.localAddress(id)?.address.text, host);
      strictEqual(engine.localAddress(id)?.port, bound.port);
    })
  ),

  engineCase("listen() without an address takes IPv4 and IPv6, each as itself", async (kit) => {
    const { engine } = kit;
    const { port } = await engine.listen(undefined, 0);
    for (const host of ["127.0.0.1", "::1"]) {
      await kit.peer(host, port);
      const { id, client } = await engine.take("accept");
      strictEqual(client?.address.text, host);
      strictEqual(engine.localAddress(id)?.address.text, host);
    }
  }),

  engineCase("listen() twice serves both ports", async (kit) => {
    const { engine } = kit;
    const ports = [await engine.listen(address("127.0.0.1"), 0), await engine.listen(address("127.0.0.1"), 0)];
    for (const { port } of ports) {
      await kit.peer("127.0.0.1", port);
      strictEqual(engine.localAddress((await engine.take("accept")).id)?.port, port);
    }
  }),

  engineCase("listen() says in one line that the address is in use", async (kit) => {
    const server = await kit.server("127.0.0.1");
    await rejects(kit.engine.listen(address("127.0.0.1"), server.port), (error) => {
      ok(error instanceof CommandFailure);
      ok(!error.message.includes("\n"));
      ok(
        error.message.startsWith(`Cannot listen on "127.0.0.1:${server.port}": the address is in use;`),
        error.message,
      );
      return true;
    });
  }),

  engineCase("listen() says in one line that no interface has the address", async (kit) => {
    await rejects(kit.engine.listen(address("203.0.113.7"), 4), (error) => {
      ok(error instanceof CommandFailure);
      ok(!error.message.includes("\n"));
      ok(error.message.startsWith('Cannot listen on "203.0.113.7:4": no interface'), error.message);
      return true;
    });
  }),

  engineCase("stopListening() refuses newcomers, keeps connections, and frees the port", async (kit) => {
    const { engine } = kit;
    const { id, peer } = await kit.accept();
    engine.stopListening();
    const late = await kit.peer("127.0.0.1", await kit.port());
    strictEqual(late.errorCode, "ECONNREFUSED");
    peer.write("still here");
    await engine.take("data", id);
    engine.write(id, octets("so am I"));
    await peer.untilReceived(7);
    strictEqual((await engine.listen(address("127.0.0.1"), await kit.port())).port, await kit.port());
  }),

  ...["127.0.0.1", "::1"].map((host) =>
    engineCase(`connect() to ${host} tells when it is connected, and the local side`, async (kit) => {
      const { engine } = kit;
      const server = await kit.server(host);
      const accepted = server.accepted();
      const id = engine.connect(address(host), server.port);
      await engine.take("connect", id);
      const peer = await accepted;
      strictEqual(engine.localAddress(id)?.address.text, host);
      strictEqual(engine.localAddress(id)?.port, peer.socket.remotePort);
    })
  ),

  ...["127.0.0.1", "::1"].map((host) =>
    engineCase(`connect() to a closed port of ${host} is refused, and the id dead`, async (kit) => {
      const { engine } = kit;
      const server = await kit.server(host);
      const { port } = server;
      await new Promise<void>((resolve) => server.server.close(() => resolve()));
      const id = engine.connect(address(host), port);
      strictEqual((await engine.take("fail", id)).failure, "refused");
      strictEqual(engine.write(id, octets("x")), true);
      strictEqual(engine.queuedBytes(id), 0);
    })
  ),

  ...UNREACHABLE.map((host) =>
    engineCase(`connect() to ${host} is unreachable`, async (kit) => {
      const id = kit.engine.connect(address(host), 80);
      strictEqual((await kit.engine.take("fail", id)).failure, "unreachable");
    })
  ),

  engineCase("connect() hears a server that speaks first, after onConnect", async (kit) => {
    const server = await kit.server("127.0.0.1");
    server.server.on("connection", (socket) => socket.end("220 hello"));
    const id = kit.engine.connect(address("127.0.0.1"), server.port);
    await kit.engine.take("end", id);
    strictEqual(textOf(kit.engine.received(id)), "220 hello");
  }),

  engineCase("write(), closeWrite() and pause() before onConnect hold from then on", async (kit) => {
    const { engine } = kit;
    const server = await kit.server("127.0.0.1");
    const accepted = server.accepted();
    const id = engine.connect(address("127.0.0.1"), server.port);
    engine.pause(id);
    const isTaken = [engine.write(id, octets("early ")), engine.write(id, octets("bird"))];
    strictEqual(engine.queuedBytes(id), 10);
    engine.closeWrite(id);
    const peer = await accepted;
    peer.write("worm");
    await peer.untilEnd();
    strictEqual(textOf(peer.received), "early bird");
    if (isTaken.includes(false)) await engine.take("drain", id);
    await kit.turns();
    strictEqual(engine.receivedCount(id), 0);
    engine.resume(id);
    await engine.take("data", id);
    strictEqual(textOf(engine.received(id)), "worm");
  }),

  ...(["close", "reset"] as const).map((end) =>
    engineCase(`${end}() gives up a pending dial at once, with its descriptor`, async (kit) => {
      const { engine } = kit;
      const stalled = await StalledServer.start(kit);
      try {
        const before = openFiles();
        const ids = Array.from({ length: 10 }, () => engine.connect(address("127.0.0.1"), stalled.port));
        await kit.turns();
        strictEqual(engine.events.length, 0);
        for (const id of ids) engine[end](id);
        await eventually(`${openFiles()} open files become ${before}`, () => openFiles() <= before);
      } finally {
        stalled.close();
      }
    })
  ),
];
