// Owns the contract cases of packets to a name server and back.
import { deepStrictEqual, rejects, strictEqual } from "node:assert";
import { address, eventually, octets, openFiles, pattern } from "./engine_kit.ts";
import { DEADLINE_MS } from "./engine_watch.ts";
import { TcpServer, UdpServer } from "./fake_name_server.ts";
import type { RuntimeCase } from "./runtime_case.ts";

const QUERY = octets("what is it");
const ANSWER = octets("it is this");
const EXCHANGES = 200;

function within(): AbortSignal {
  return AbortSignal.timeout(DEADLINE_MS);
}

function withLength(message: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(message.length >> 8, message.length & 255, ...message);
}

const udpCases: readonly RuntimeCase[] = [
  ...["127.0.0.1", "::1"].map((host): RuntimeCase => ({
    name: `exchangeUdp() asks ${host} and brings its answer`,
    async run({ dns }) {
      const asked: Uint8Array[] = [];
      const server = await UdpServer.listen(host, (server, query, source) => {
        asked.push(query);
        server.send(ANSWER, source);
      });
      deepStrictEqual(await dns.exchangeUdp(server.at, QUERY, () => true, within()), ANSWER);
      deepStrictEqual(asked, [QUERY]);
      await server.close();
    },
  })),
  {
    name: "exchangeUdp() passes over answers that are not accepted",
    async run({ dns }) {
      const server = await UdpServer.listen("127.0.0.1", (server, _query, source) => {
        server.send(octets("forged"), source);
        server.send(new Uint8Array(0), source);
        server.send(ANSWER, source);
      });
      const offered: number[] = [];
      const answer = await dns.exchangeUdp(server.at, QUERY, (bytes) => {
        offered.push(bytes.length);
        return bytes.length === ANSWER.length;
      }, within());
      deepStrictEqual(answer, ANSWER);
      strictEqual(offered[0], "forged".length);
      await server.close();
    },
  },
  {
    name: "exchangeUdp() does not hear another port or another address of the server",
    async run({ dns }) {
      const strangers = [await UdpServer.listen("127.0.0.1"), await UdpServer.listen("127.0.0.2")];
      const server = await UdpServer.listen("127.0.0.1", (server, _query, source) => {
        for (const stranger of strangers) stranger.send(octets("forged"), source);
        // Behind the forgeries on the loopback queue.
        server.send(ANSWER, source);
      });
      deepStrictEqual(await dns.exchangeUdp(server.at, QUERY, () => true, within()), ANSWER);
      await Promise.all([server, ...strangers].map((each) => each.close()));
    },
  },
  {
    name: "exchangeUdp() asks from a fresh port each time",
    async run({ dns }) {
      const server = await UdpServer.listen("127.0.0.1", (server, _query, source) => server.send(ANSWER, source));
      for (let turn = 0; turn < 8; turn++) await dns.exchangeUdp(server.at, QUERY, () => true, within());
      const ports = new Set(server.sources.map((source) => source.port));
      strictEqual(ports.size > 4, true, `ports ${[...ports]}`);
      await server.close();
    },
  },
  {
    name: "exchangeUdp() rejects when accept throws",
    async run({ dns }) {
      const server = await UdpServer.listen("127.0.0.1", (server, _query, source) => server.send(ANSWER, source));
      const failing = dns.exchangeUdp(server.at, QUERY, () => {
        throw new Error("unreadable");
      }, within());
      await rejects(failing, /unreadable/);
      await server.close();
    },
  },
  {
    name: "exchangeUdp() rejects with the signal's reason when it aborts, and frees the socket",
    async run({ dns }) {
      const server = await UdpServer.listen("127.0.0.1");
      const before = openFiles();
      const controller = new AbortController();
      const waiting = dns.exchangeUdp(server.at, QUERY, () => true, controller.signal);
      await eventually("the query comes", () => server.sources.length > 0);
      controller.abort(new Error("too late"));
      await rejects(waiting, /too late/);
      await rejects(dns.exchangeUdp(server.at, QUERY, () => true, controller.signal), /too late/);
      await eventually("its descriptor is free", () => openFiles() <= before);
      strictEqual(server.sources.length, 1);
      await server.close();
    },
  },
  {
    name: "exchangeUdp() to a closed port rejects: by the refusal where it is heard, else by the signal",
    async run({ dns, name }) {
      const server = await UdpServer.listen("127.0.0.1");
      const { at } = server;
      await server.close();
      const controller = new AbortController();
      const asking = dns.exchangeUdp(at, QUERY, () => true, controller.signal);
      // Deno 2.9 does not connect its datagram sockets, so that no refusal reaches them.
      if (name === "deno") controller.abort(new Error("by the signal"));
      await rejects(asking, name === "deno" ? /by the signal/ : new RegExp(`"127\\.0\\.0\\.1:${at.port}"`));
    },
  },
  {
    name: `${EXCHANGES} exchanges leave no descriptor behind`,
    async run({ dns }) {
      const udp = await UdpServer.listen("127.0.0.1", (server, _query, source) => server.send(ANSWER, source));
      const tcp = await TcpServer.listen("127.0.0.1", (socket) => socket.end(withLength(ANSWER)));
      const before = openFiles();
      for (let turn = 0; turn < EXCHANGES; turn += 2) {
        await dns.exchangeUdp(udp.at, QUERY, () => true, within());
        await dns.exchangeTcp(tcp.at, QUERY, within());
      }
      await eventually("their descriptors are free", () => openFiles() <= before);
      await Promise.all([udp.close(), tcp.close()]);
    },
  },
];

const tcpCases: readonly RuntimeCase[] = [
  ...["127.0.0.1", "::1"].map((host): RuntimeCase => ({
    name: `exchangeTcp() asks ${host} with two octets of length, and takes them off the answer`,
    async run({ dns }) {
      let asked = new Uint8Array(0);
      const server = await TcpServer.listen(host, (socket, bytes) => {
        asked = Uint8Array.of(...asked, ...bytes);
        if (asked.length === QUERY.length + 2) socket.write(withLength(ANSWER));
      });
      deepStrictEqual(await dns.exchangeTcp(server.at, QUERY, within()), ANSWER);
      deepStrictEqual(asked, withLength(QUERY));
      await server.close();
    },
  })),
  {
    name: "exchangeTcp() takes an answer octet by octet",
    async run({ dns }) {
      const server = await TcpServer.listen("127.0.0.1", (socket) => {
        socket.setNoDelay(true);
        const rest = [...withLength(ANSWER)];
        const sendNext = () => {
          const octet = rest.shift();
          if (octet !== undefined) socket.write(Uint8Array.of(octet), () => setImmediate(sendNext));
        };
        sendNext();
      });
      deepStrictEqual(await dns.exchangeTcp(server.at, QUERY, within()), ANSWER);
      await server.close();
    },
  },
  {
    name: "exchangeTcp() takes the longest answer, and drops what is behind it",
    async run({ dns }) {
      const longest = pattern(65_535);
      const server = await TcpServer.listen("127.0.0.1", (socket) => {
        const behind = new Uint8Array(longest.length + 100);
        behind.set([255, 255]);
        behind.set(longest, 2);
        socket.write(behind);
      });
      deepStrictEqual(await dns.exchangeTcp(server.at, QUERY, within()), longest);
      await server.close();
    },
  },
  {
    name: "exchangeTcp() rejects at a closed port, and says which",
    async run({ dns }) {
      const server = await TcpServer.listen("127.0.0.1");
      const { at } = server;
      await server.close();
      const expected = new RegExp(`^Error: Cannot ask name server "127\\.0\\.0\\.1:${at.port}": .*ECONNREFUSED`);
      await rejects(dns.exchangeTcp(at, QUERY, within()), (error) => expected.test(String(error)));
    },
  },
  ...[0, 1, 2, ANSWER.length + 1].map((count): RuntimeCase => ({
    name: `exchangeTcp() rejects when the server closes after ${count} octets`,
    async run({ dns }) {
      const server = await TcpServer.listen("127.0.0.1", (socket) => socket.end(withLength(ANSWER).subarray(0, count)));
      await rejects(dns.exchangeTcp(server.at, QUERY, within()), /connection closed before a whole answer/);
      await server.close();
    },
  })),
  {
    name: "exchangeTcp() rejects with the signal's reason when it aborts, and closes its connection",
    async run({ dns }) {
      const server = await TcpServer.listen("127.0.0.1");
      const controller = new AbortController();
      const waiting = dns.exchangeTcp(server.at, QUERY, controller.signal);
      await eventually("it connects", () => server.sockets.length > 0);
      let isClosed = false;
      server.sockets[0]?.on("close", () => isClosed = true);
      controller.abort(new Error("too late"));
      await rejects(waiting, /too late/);
      await rejects(dns.exchangeTcp(server.at, QUERY, controller.signal), /too late/);
      await eventually("the server sees it close", () => isClosed);
      await server.close();
    },
  },
  {
    name: "exchangeTcp() rejects at once when it aborts before it is connected",
    async run({ dns }) {
      const before = openFiles();
      const controller = new AbortController();
      const waiting = dns.exchangeTcp({ address: address("192.0.2.99"), port: 53 }, QUERY, controller.signal);
      controller.abort(new Error("too late"));
      await rejects(waiting, /too late/);
      await eventually("its descriptor is free", () => openFiles() <= before);
    },
  },
];

/** The cases. */
export const dnsTransportCases: readonly RuntimeCase[] = [...udpCases, ...tcpCases];
