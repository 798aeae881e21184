// Tests that nothing is kept: after many connections of every kind the program holds what it held before; and that no
// input, however odd, brings it down.
import { testWith } from "../support/requirements.ts";
import fc from "fast-check";
import { expect, test } from "bun:test";
import { startDnsStub } from "../support/dns_stub.ts";
import { within } from "../support/deadline.ts";
import { probe } from "../support/expectations.ts";
import { type Proxy, startProxy } from "../support/launcher.ts";
import { parseRequest } from "../support/http_message.ts";
import { connectRaw } from "../support/raw_client.ts";
import { OK_ANSWER, Origin } from "../support/origin.ts";
import { octetsOf, type RawConnection } from "../support/raw_connection.ts";
import { behaviour, LOOPBACK_RULES, useProxy } from "../support/suite.ts";
import { TEST_TARGET } from "../support/target.ts";

type Way = (proxy: Proxy, origin: Origin) => Promise<void>;

async function use(proxy: Proxy, body: (client: RawConnection) => Promise<void>): Promise<void> {
  await using client = await connectRaw(proxy);
  await body(client);
}

/** Every way in which a connection comes and goes. */
const WAYS: readonly Way[] = [
  (proxy) => use(proxy, async () => {}),
  (proxy) => use(proxy, (client) => Promise.resolve(client.finish())),
  (proxy, origin) => probe(proxy, origin),
  (proxy, origin) =>
    use(proxy, async (client) => {
      await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`.repeat(3));
      for (let count = 0; count < 3; count++) await client.readResponse();
    }),
  (proxy, origin) =>
    use(proxy, async (client) => {
      await client.send(`CONNECT ${origin.authority} HTTP/1.1\r\n\r\n`);
      await client.readResponse("CONNECT");
      client.finish();
      await client.ended();
    }),
  (proxy, origin) =>
    use(proxy, async (client) => {
      await client.send(`CONNECT ${origin.authority} HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n`);
      await client.readResponse("CONNECT");
      await client.readResponse();
      client.reset();
    }),
  (proxy, origin) =>
    use(proxy, async (client) => {
      await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
      client.reset();
    }),
  (proxy, origin) =>
    use(proxy, async (client) => {
      await client.send(`POST http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello`);
      client.reset();
    }),
  (proxy) =>
    use(proxy, async (client) => {
      await client.send("CONNECT denied.test:443 HTTP/1.1\r\n\r\n");
      await client.readToEnd();
    }),
  (proxy) =>
    use(proxy, async (client) => {
      await client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
      await client.readToEnd();
    }),
  (proxy) =>
    use(proxy, async (client) => {
      await client.send("GET http://127.0.0.1:1/ HTTP/1.1\r\nHost: h\r\n\r\n");
      await client.readResponse();
    }),
  (proxy) =>
    use(proxy, async (client) => {
      await client.send("GET http://nowhere.test/ HTTP/1.1\r\nHost: h\r\n\r\n");
      await client.readResponse();
    }),
  (proxy) =>
    use(proxy, async (client) => {
      await client.send("GET http://127.0.0.1/ HTTP/1.1\r\nHost");
      client.reset();
    }),
];

/** Needs a process to count in that is the proxy's alone. */
function ownProcess(): string | undefined {
  return TEST_TARGET === "bun" ? "in the test's own process its descriptors and memory count too" : undefined;
}

behaviour("Resources", () => {
  testWith([ownProcess], "R11 R12 500 connections of every kind leave no descriptor behind", async () => {
    await using dns = await startDnsStub();
    await using proxy = await startProxy({ rules: LOOPBACK_RULES, dns });
    await using origin = await Origin.start({ answer: OK_ANSWER });
    // Each way once first: what is opened once and for all is then open.
    for (const way of WAYS) await way(proxy, origin);
    await settled(proxy, origin);
    const before = proxy.countDescriptors();
    for (let count = 0; count < 500; count += 25) {
      await Promise.all(Array.from({ length: 25 }, (_, index) => WAYS[(count + index) % WAYS.length]?.(proxy, origin)));
    }
    await settled(proxy, origin);
    // Closed connections linger for a moment; the count is asked again until it is down, or the deadline has passed.
    await within(`${before} descriptors again`, untilDescriptors(proxy, before));
  });

  testWith([ownProcess], "R12 memory is bounded over 2,000 requests and 200 tunnels", async () => {
    await using proxy = await startProxy({ rules: LOOPBACK_RULES, args: ["--access-log", "off"] });
    await using origin = await Origin.start({ answer: OK_ANSWER });
    await burst(proxy, origin);
    const before = proxy.residentBytes();
    await burst(proxy, origin);
    expect(proxy.residentBytes() - before).toBeLessThan(64 * 1024 * 1024);
  });
});

/** Resolves when every connection at the origin has ended. */
async function settled(proxy: Proxy, origin: Origin): Promise<void> {
  await probe(proxy, origin);
  for (const connection of origin.connections) await connection.ended();
}

async function untilDescriptors(proxy: Proxy, most: number): Promise<void> {
  while (proxy.countDescriptors() > most) await new Promise((resolve) => setTimeout(resolve, 50));
}

async function burst(proxy: Proxy, origin: Origin): Promise<void> {
  for (let round = 0; round < 20; round++) {
    await Promise.all(Array.from({ length: 10 }, async () => {
      await use(proxy, async (client) => {
        await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`.repeat(10));
        for (let count = 0; count < 10; count++) await client.readResponse();
      });
      await use(proxy, async (client) => {
        await client.send(`CONNECT ${origin.authority} HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n`);
        await client.readResponse("CONNECT");
        await client.readResponse();
      });
    }));
  }
}

behaviour("Hostile input", () => {
  // One address is open and no other: a mangled target must not lead anywhere else.
  const address = "127.0.0.77";
  const proxy = useProxy({ rules: [address], args: ["--response-timeout", "1s", "--header-timeout", "1s"] });

  const SEEDS = [
    "GET http://{o}/ HTTP/1.1\r\nHost: {o}\r\n\r\n",
    "POST http://{o}/ HTTP/1.1\r\nHost: {o}\r\nContent-Length: 5\r\n\r\nhello",
    "POST http://{o}/ HTTP/1.1\r\nHost: {o}\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nX-T: 1\r\n\r\n",
    "CONNECT {o} HTTP/1.1\r\nHost: {o}\r\n\r\nhello",
    "GET http://{o}/ HTTP/1.1\r\nHost: {o}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "OPTIONS http://{o} HTTP/1.0\r\nMax-Forwards: 0\r\nConnection: keep-alive\r\n\r\n",
  ];
  const PIECES = [
    "\r\n",
    "\n",
    "\r",
    "\0",
    " ",
    "\t",
    ":",
    "\x0b",
    "\xff",
    "%",
    "@",
    "#",
    "\\",
    "[",
    "]",
    "0",
    "Content-Length: 3\r\n",
    "Transfer-Encoding: chunked\r\n",
    "HTTP/1.1",
    ";",
    ",",
  ];

  /** What to do to a request: put a piece in, take a stretch out, double it, or swap it for an octet. */
  const mutation = fc.record({
    at: fc.nat(400),
    length: fc.nat(8),
    piece: fc.oneof(fc.constantFrom(...PIECES), fc.nat(255).map((octet) => String.fromCharCode(octet))),
    kind: fc.constantFrom("insert", "delete", "double", "replace"),
  });

  function mutate(
    text: string,
    { at, length, piece, kind }: { at: number; length: number; piece: string; kind: string },
  ): string {
    const place = at % (text.length + 1);
    const stretch = text.slice(place, place + length);
    if (kind === "insert") return text.slice(0, place) + piece + text.slice(place);
    if (kind === "delete") return text.slice(0, place) + text.slice(place + length);
    if (kind === "double") return text.slice(0, place) + stretch + text.slice(place);
    return text.slice(0, place) + piece + text.slice(place + 1);
  }

  /** Reads requests one behind another; throws at the first octet that is none of a well-formed one. */
  function readAll(octets: string): void {
    let rest = octets;
    while (rest !== "") {
      const request = parseRequest(rest, true);
      if (request === undefined) return expect(rest).not.toContain("\r\n\r\n");
      rest = rest.slice(request.raw.length);
    }
  }

  test("R16 mangled requests are answered properly or closed, the origin sees well-formed requests only, the proxy lives", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...SEEDS),
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(400), { maxLength: 3 }),
        async (seed, mutations, cuts) => {
          await using origin = await Origin.start({ address, answer: OK_ANSWER });
          await using client = await connectRaw(proxy());
          const octets = mutations.reduce(mutate, seed.replaceAll("{o}", origin.authority));
          let from = 0;
          for (const cut of [...cuts.sort((a, b) => a - b), octets.length]) {
            await client.send(octetsOf(octets.slice(from, cut)));
            from = Math.max(from, cut);
          }
          client.finish();
          const end = await client.readToEnd();
          if (end.octets !== "") expect(end.octets).toMatch(/^HTTP\/1\.1 [1-5][0-9][0-9] /);
          // A tunnel carries what it is given; all else that reaches an origin is requests by the strict reader.
          for (const connection of origin.connections) {
            await connection.ended();
            if (!/^[\r\n]*CONNECT /.test(octets)) readAll(connection.received);
          }
        },
      ),
      { numRuns: 150 },
    );
    await using origin = await Origin.start({ address, answer: OK_ANSWER });
    await probe(proxy(), origin);
  });

  test("R16 random octets are refused or closed, and the proxy lives", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), async (bytes) => {
        await using client = await connectRaw(proxy());
        await client.send(bytes);
        client.finish();
        const end = await client.readToEnd();
        if (end.octets !== "") expect(end.octets).toMatch(/^HTTP\/1\.1 [45][0-9][0-9] /);
      }),
      { numRuns: 100 },
    );
    await using origin = await Origin.start({ address, answer: OK_ANSWER });
    await probe(proxy(), origin);
  });

  test("R16 mangled answers are passed on in full or cut visibly, and the proxy lives", async () => {
    const answers = [
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nX-T: 1\r\n\r\n",
      "HTTP/1.0 200 OK\r\n\r\nhello",
      "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...answers),
        fc.array(mutation, { minLength: 1, maxLength: 3 }),
        async (answer, mutations) => {
          await using origin = await Origin.start({ address });
          await using client = await connectRaw(proxy());
          await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
          const { upstream } = await origin.acceptRequest();
          await upstream.send(octetsOf(mutations.reduce(mutate, answer)));
          upstream.finish();
          // The reader of the test is strict: whatever the proxy passes on must be well-formed, or end early.
          let response = await client.readResponse();
          while (response.status < 200) response = await client.readResponse();
          expect(response.status).toBeLessThan(600);
        },
      ),
      { numRuns: 150 },
    );
    await using origin = await Origin.start({ address, answer: OK_ANSWER });
    await probe(proxy(), origin);
  });
});
