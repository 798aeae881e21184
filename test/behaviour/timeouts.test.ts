// Tests every time limit: each with a short setting, and each with what it must not end.
import { expect, test } from "bun:test";
import { expectClosed, expectRefusal } from "../support/expectations.ts";
import { startProxy } from "../support/launcher.ts";
import { connectRaw, type Endpoint } from "../support/raw_client.ts";
import { OK_ANSWER, Origin } from "../support/origin.ts";
import { behaviour, LOOPBACK_RULES, useProxy } from "../support/suite.ts";

const DATE = "Date: Thu, 01 Jan 2026 00:00:00 GMT";
const HEAD_TIMEOUT = { status: 408, error: "http_request_error" };

/** Resolves once a connection that sends nothing has run into the header timeout: that much time has then passed. */
async function outlastHeaderTimeout(proxy: Endpoint): Promise<void> {
  await using silent = await connectRaw(proxy);
  await silent.readToEnd();
}

behaviour("Header timeout", () => {
  const proxy = useProxy({ rules: LOOPBACK_RULES, args: ["--header-timeout", "200ms"] });

  for (
    const sent of [
      "GET",
      "GET http://127.0.0.1/ HTTP/1.1\r\n",
      "GET http://127.0.0.1/ HTTP/1.1\r\nHost: h\r\n",
      "CONNECT 127.0.0.1:1 HTTP/1.1\r\n",
    ]
  ) {
    test(`R1 a head that stops after ${JSON.stringify(sent)}: 408, closed`, async () => {
      await using client = await connectRaw(proxy());
      await client.send(sent);
      expectRefusal(await client.readResponse(), HEAD_TIMEOUT);
      await expectClosed(client);
    });
  }

  test("R1 a connection that sends nothing ends", async () => {
    await using client = await connectRaw(proxy());
    const end = await client.readToEnd();
    expect(end.ending).toBe("fin");
    if (end.octets !== "") expect(end.octets).toStartWith("HTTP/1.1 408 ");
  });

  test("R1 a head that drips never restarts the clock", async () => {
    await using client = await connectRaw(proxy());
    await client.send("GET http://127.0.0.1/ HTTP/1.1\r\n");
    const dripping = setInterval(() => void client.send("X-A: 1\r\n"), 20);
    try {
      expectRefusal(await client.readResponse(), HEAD_TIMEOUT);
    } finally {
      clearInterval(dripping);
    }
  });

  test("R1 the second head of a connection has the same limit, from its first octet", async () => {
    await using origin = await Origin.start({ answer: OK_ANSWER });
    await using client = await connectRaw(proxy());
    await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    expect((await client.readResponse()).status).toBe(200);
    await outlastHeaderTimeout(proxy());
    // Silence between requests is not a late head: the connection is still there.
    await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\nGET http`);
    expect((await client.readResponse()).status).toBe(200);
    expectRefusal(await client.readResponse(), HEAD_TIMEOUT);
    await expectClosed(client);
  });

  test("a body may take longer than a head", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(`POST http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n`);
    const upstream = await origin.accept();
    await upstream.readHead();
    await outlastHeaderTimeout(proxy());
    await client.send("hello");
    expect(await upstream.read(5)).toBe("hello");
    await outlastHeaderTimeout(proxy());
    await upstream.send(OK_ANSWER);
    expect((await client.readResponse()).body).toBe("ok");
  });

  test("a tunnel may be silent for longer than a head", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(`CONNECT ${origin.authority} HTTP/1.1\r\n\r\n`);
    const upstream = await origin.accept();
    expect((await client.readResponse("CONNECT")).status).toBe(200);
    await outlastHeaderTimeout(proxy());
    await client.send("alive");
    expect(await upstream.read(5)).toBe("alive");
  });
});

behaviour("Response timeout", () => {
  const proxy = useProxy({ rules: LOOPBACK_RULES, args: ["--response-timeout", "200ms"] });

  test("no octet of an answer in time: 504 connection_read_timeout, and the upstream connection ends", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    const { upstream } = await origin.acceptRequest();
    expectRefusal(await client.readResponse(), { status: 504, error: "connection_read_timeout" });
    await upstream.ended();
    expect(origin.connections.length).toBe(1);
  });

  test("the same on a connection used before, without another try", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(`GET http://${origin.authority}/1 HTTP/1.1\r\nHost: h\r\n\r\n`);
    const { upstream } = await origin.acceptRequest();
    await upstream.send(OK_ANSWER);
    expect((await client.readResponse()).status).toBe(200);
    await client.send(`GET http://${origin.authority}/2 HTTP/1.1\r\nHost: h\r\n\r\n`);
    await upstream.readRequest();
    expectRefusal(await client.readResponse(), { status: 504, error: "connection_read_timeout" });
    expect(origin.connections.length).toBe(1);
  });

  test("an answer that began in time may take as long as it likes", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(`GET http://${origin.authority}/slow HTTP/1.1\r\nHost: h\r\n\r\n`);
    const { upstream } = await origin.acceptRequest();
    await upstream.send(`HTTP/1.1 200 OK\r\n${DATE}\r\nContent-Length: 2\r\n\r\no`);
    await client.readHead();
    // Another request runs into its limit meanwhile: as much time has passed here.
    await using silent = await Origin.start();
    await using other = await connectRaw(proxy());
    await other.send(`GET http://${silent.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    expect((await other.readResponse()).status).toBe(504);
    await upstream.send("k");
    expect(await client.read(2)).toBe("ok");
  });

  test("the time counts from the request's end: a long body does not use it up", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(`POST http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na`);
    const upstream = await origin.accept();
    await upstream.readHead();
    await using silent = await Origin.start();
    await using other = await connectRaw(proxy());
    await other.send(`GET http://${silent.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    expect((await other.readResponse()).status).toBe(504);
    await client.send("b");
    expect(await upstream.read(2)).toBe("ab");
    await upstream.send(OK_ANSWER);
    expect((await client.readResponse()).status).toBe(200);
  });
});

behaviour("Idle timeout", () => {
  const proxy = useProxy({ rules: LOOPBACK_RULES, args: ["--idle-timeout", "250ms"] });

  async function tunnel(origin: Origin) {
    const client = await connectRaw(proxy());
    await client.send(`CONNECT ${origin.authority} HTTP/1.1\r\n\r\n`);
    const upstream = await origin.accept();
    expect((await client.readResponse("CONNECT")).status).toBe(200);
    return { client, upstream };
  }

  test("R6 a silent tunnel ends on both sides", async () => {
    await using origin = await Origin.start();
    const { client, upstream } = await tunnel(origin);
    await using _ = client;
    await client.ended();
    await upstream.ended();
  });

  for (const slow of ["client", "upstream"] as const) {
    test(`R6 a tunnel whose ${slow} takes no more ends in a reset: what it got is not whole`, async () => {
      await using origin = await Origin.start();
      const sides = await tunnel(origin);
      await using _ = sides.client;
      const [sender, reader] = slow === "client" ? [sides.upstream, sides.client] : [sides.client, sides.upstream];
      reader.pause();
      void sender.send(new Uint8Array(32 << 20));
      expect(await sender.ended()).toBe("reset");
      reader.resume();
      expect(await reader.ended()).toBe("reset");
      expect(reader.receivedLength).toBeLessThan(32 << 20);
    });
  }

  test("R6 a tunnel of which one side has ended, silent otherwise, ends too", async () => {
    await using origin = await Origin.start();
    const { client, upstream } = await tunnel(origin);
    await using _ = client;
    client.finish();
    expect(await upstream.ended()).toBe("fin");
    await client.ended();
  });

  for (const part of ["HTTP/1.1 2", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 103 Early Hints\r\n\r\n"]) {
    test(`P31 an answer that stops after ${JSON.stringify(part)} does not hang: 504`, async () => {
      await using origin = await Origin.start();
      await using client = await connectRaw(proxy());
      await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
      const { upstream } = await origin.acceptRequest();
      await upstream.send(part);
      let response = await client.readResponse();
      if (response.status === 103) response = await client.readResponse();
      expectRefusal(response, { status: 504, error: "connection_read_timeout" });
      await upstream.ended();
    });
  }

  test("an answer whose head drips has no more time than one whose head stops: 504", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    const { upstream } = await origin.acceptRequest();
    await upstream.send("HTTP/1.1 200 OK\r\nX-A: ");
    const drip = setInterval(() => void upstream.send("a"), 20);
    try {
      expectRefusal(await client.readResponse(), { status: 504, error: "connection_read_timeout" });
      await upstream.ended();
    } finally {
      clearInterval(drip);
    }
  });

  test("a response body that stops does not hang: the client sees it cut", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    const { upstream } = await origin.acceptRequest();
    await upstream.send(`HTTP/1.1 200 OK\r\n${DATE}\r\nContent-Length: 10\r\n\r\nhel`);
    const response = await client.readResponse();
    expect([response.status, response.complete, response.body]).toEqual([200, false, "hel"]);
    await upstream.ended();
  });

  test("R2 a request body that stops does not hang: its origin never gets it whole", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(`POST http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhel`);
    const upstream = await origin.accept();
    await upstream.readHead();
    expect((await upstream.readToEnd()).octets).toBe("hel");
    await client.ended();
  });

  for (const [from, to] of [["client", "upstream"], ["upstream", "client"]] as const) {
    test(`R6 octets from the ${from} alone keep a tunnel`, async () => {
      await using origin = await Origin.start();
      const kept = await tunnel(origin);
      await using _ = kept.client;
      const silent = await tunnel(origin);
      await using __ = silent.client;
      const dripping = setInterval(() => void kept[from].send("."), 25);
      try {
        // Three silent tunnels in a row end meanwhile; this one lives on.
        await silent.client.ended();
        for (let round = 0; round < 2; round++) {
          const next = await tunnel(origin);
          await using ___ = next.client;
          await next.client.ended();
        }
      } finally {
        clearInterval(dripping);
      }
      await kept[to].send("alive");
      expect(await kept[from].read(5)).toBe("alive");
      expect(kept[to].ending).toBeUndefined();
    });
  }
});

behaviour("No limit", () => {
  test("0 as a duration means none", async () => {
    await using proxy = await startProxy({
      rules: LOOPBACK_RULES,
      args: ["--connect-timeout", "0", "--header-timeout", "0", "--idle-timeout", "0", "--response-timeout", "0"],
    });
    await using origin = await Origin.start({ answer: OK_ANSWER });
    await using client = await connectRaw(proxy);
    await client.send("GET http://");
    await using limited = await startProxy({ rules: LOOPBACK_RULES, args: ["--header-timeout", "200ms"] });
    await outlastHeaderTimeout(limited);
    await client.send(`${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    expect((await client.readResponse()).status).toBe(200);
  });
});
