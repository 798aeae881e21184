// Tests connections that live on (RFC 9112 §9): pipelining in order, upstream connections that belong to one client
// connection, and the one case in which a request is sent again.
import { expect, test } from "bun:test";
import { expectClosed, expectRefusal } from "../support/expectations.ts";
import type { Proxy } from "../support/launcher.ts";
import { connectRaw } from "../support/raw_client.ts";
import { Origin } from "../support/origin.ts";
import type { RawConnection } from "../support/raw_connection.ts";
import { behaviour, LOOPBACK_RULES, useProxy } from "../support/suite.ts";

const DATE = "Date: Thu, 01 Jan 2026 00:00:00 GMT";

/** A GET without a body. */
function get(origin: Origin, path: string, ...fields: string[]): string {
  return [`GET http://${origin.authority}${path} HTTP/1.1`, "Host: h", ...fields, "", ""].join("\r\n");
}

/** An answer of 200 with this body. */
function ok(body: string, ...fields: string[]): string {
  return ["HTTP/1.1 200 OK", DATE, `Content-Length: ${body.length}`, ...fields, "", body].join("\r\n");
}

/** A client and an origin that have had one exchange, so that the upstream connection is one to be used again. */
async function warmUp(
  proxy: Proxy,
): Promise<AsyncDisposable & { origin: Origin; client: RawConnection; upstream: RawConnection }> {
  const origin = await Origin.start();
  const client = await connectRaw(proxy);
  await client.send(get(origin, "/first"));
  const { upstream } = await origin.acceptRequest();
  await upstream.send(ok("first"));
  expect((await client.readResponse()).body).toBe("first");
  return {
    origin,
    client,
    upstream,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await origin[Symbol.asyncDispose]();
    },
  };
}

behaviour("Persistence", () => {
  const proxy = useProxy({ rules: LOOPBACK_RULES });

  test("requests of one client to one origin go over one upstream connection", async () => {
    await using origin = await Origin.start({ answer: (request) => ok(request.target) });
    await using client = await connectRaw(proxy());
    for (const path of ["/1", "/2", "/3"]) {
      await client.send(get(origin, path));
      expect((await client.readResponse()).body).toBe(path);
    }
    expect(origin.connections.length).toBe(1);
  });

  test("two clients never share an upstream connection", async () => {
    await using origin = await Origin.start({ answer: (request) => ok(request.target) });
    await using first = await connectRaw(proxy());
    await first.send(get(origin, "/a"));
    expect((await first.readResponse()).body).toBe("/a");
    await using second = await connectRaw(proxy());
    await second.send(get(origin, "/b"));
    expect((await second.readResponse()).body).toBe("/b");
    expect(origin.connections.length).toBe(2);
    await first.send(get(origin, "/c"));
    expect((await first.readResponse()).body).toBe("/c");
    expect(origin.connections[0]?.received).toContain("GET /c");
    expect(origin.connections[1]?.received).not.toContain("GET /c");
  });

  test("a client's upstream connections end with it", async () => {
    await using warm = await warmUp(proxy());
    warm.client.finish();
    await warm.upstream.ended();
    await expectClosed(warm.client);
  });

  test("requests of one client to two origins, in turn", async () => {
    await using one = await Origin.start({ answer: ok("one") });
    await using two = await Origin.start({ answer: ok("two") });
    await using client = await connectRaw(proxy());
    for (const origin of [one, two, one, two]) {
      await client.send(get(origin, "/"));
      expect((await client.readResponse()).body).toBe(origin === one ? "one" : "two");
    }
  });

  test("pipelined requests are answered in order, however the origins answer", async () => {
    await using slow = await Origin.start();
    await using fast = await Origin.start({ answer: ok("fast") });
    await using client = await connectRaw(proxy());
    await client.send(get(slow, "/slow") + get(fast, "/2") + get(fast, "/3"));
    const { upstream } = await slow.acceptRequest();
    await upstream.send(ok("slow"));
    const bodies = [await client.readResponse(), await client.readResponse(), await client.readResponse()].map((r) =>
      r.body
    );
    expect(bodies).toEqual(["slow", "fast", "fast"]);
  });

  test("50 pipelined requests with bodies of all kinds are answered in order", async () => {
    await using origin = await Origin.start({ answer: (request) => ok(`${request.target}=${request.body}`) });
    await using client = await connectRaw(proxy());
    let all = "";
    const expected: string[] = [];
    for (let index = 0; index < 50; index++) {
      const line = `POST http://${origin.authority}/${index} HTTP/1.1\r\nHost: h\r\n`;
      const body = "x".repeat(index * 7);
      if (index % 3 === 0) all += get(origin, `/${index}`);
      else if (index % 3 === 1) all += `${line}Content-Length: ${body.length}\r\n\r\n${body}`;
      else all += `${line}Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
      expected.push(`/${index}=${index % 3 === 0 ? "" : body}`);
    }
    await client.send(all);
    for (const body of expected) expect((await client.readResponse()).body).toBe(body);
  });

  test("refusals are answered in their place in a pipeline", async () => {
    await using origin = await Origin.start({ answer: ok("ok") });
    await using client = await connectRaw(proxy());
    await client.send(
      get(origin, "/1") + "GET http://denied.test/ HTTP/1.1\r\nHost: h\r\n\r\n" + get(origin, "/3") +
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    );
    const statuses = [];
    for (let index = 0; index < 4; index++) statuses.push((await client.readResponse()).status);
    expect(statuses).toEqual([200, 403, 200, 400]);
    await expectClosed(client);
  });

  test("a CONNECT behind plain requests waits for their answers, then tunnels", async () => {
    await using origin = await Origin.start();
    await using other = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(`${get(origin, "/1")}CONNECT ${other.authority} HTTP/1.1\r\n\r\nearly`);
    const { upstream } = await origin.acceptRequest();
    await upstream.send(ok("one"));
    expect((await client.readResponse()).body).toBe("one");
    expect((await client.readResponse("CONNECT")).status).toBe(200);
    const tunnel = await other.accept();
    expect(await tunnel.read(5)).toBe("early");
  });

  test("a request with Connection: close ends the client's connection behind its answer", async () => {
    await using origin = await Origin.start({ answer: ok("ok") });
    await using client = await connectRaw(proxy());
    await client.send(get(origin, "/", "Connection: close") + get(origin, "/behind"));
    const response = await client.readResponse();
    expect([response.body, response.closes]).toEqual(["ok", true]);
    await expectClosed(client);
    expect(origin.requests.map((request) => request.target)).toEqual(["/"]);
  });

  test("an answer with Connection: close ends the upstream connection alone", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(get(origin, "/1"));
    const first = await origin.acceptRequest();
    await first.upstream.send(ok("one", "Connection: close"));
    const response = await client.readResponse();
    expect([response.body, response.closes]).toEqual(["one", false]);
    await client.send(get(origin, "/2"));
    const second = await origin.acceptRequest();
    await second.upstream.send(ok("two"));
    expect((await client.readResponse()).body).toBe("two");
  });

  test("HTTP/1.0 without keep-alive is answered and closed", async () => {
    await using origin = await Origin.start({ answer: ok("ok") });
    await using client = await connectRaw(proxy());
    await client.send(`GET http://${origin.authority}/ HTTP/1.0\r\n\r\n`);
    expect((await client.readResponse()).body).toBe("ok");
    await expectClosed(client);
  });

  for (const field of ["Connection", "Proxy-Connection"]) {
    test(`HTTP/1.0 with ${field}: keep-alive is kept only where the answer says so`, async () => {
      await using origin = await Origin.start({ answer: ok("ok") });
      await using client = await connectRaw(proxy());
      const request = `GET http://${origin.authority}/ HTTP/1.0\r\n${field}: keep-alive\r\n\r\n`;
      await client.send(request);
      const response = await client.readResponse();
      expect(response.body).toBe("ok");
      const kept = [...response.values("connection"), ...response.values("proxy-connection")].some((value) =>
        /keep-alive/i.test(value)
      );
      if (!kept) return await expectClosed(client);
      await client.send(request);
      expect((await client.readResponse()).body).toBe("ok");
    });
  }

  for (const end of ["fin", "reset"] as const) {
    test(`an upstream connection that the server ended (${end}) between requests is replaced`, async () => {
      await using warm = await warmUp(proxy());
      const { client, origin, upstream } = warm;
      end === "fin" ? upstream.finish() : upstream.reset();
      await client.send(get(origin, "/second"));
      const second = await origin.acceptRequest();
      expect(second.request.target).toBe("/second");
      await second.upstream.send(ok("second"));
      expect((await client.readResponse()).body).toBe("second");
    });

    test(`a GET on a reused connection that the server then ends (${end}) is sent again, once`, async () => {
      await using warm = await warmUp(proxy());
      const { client, origin, upstream } = warm;
      await client.send(get(origin, "/second", "X-A: 1"));
      const tried = await upstream.readRequest();
      end === "fin" ? upstream.finish() : upstream.reset();
      const second = await origin.acceptRequest();
      expect(second.request.startLine).toBe(tried.startLine);
      expect(second.request.fields).toEqual(tried.fields);
      await second.upstream.send(ok("second"));
      expect((await client.readResponse()).body).toBe("second");
      expect(origin.connections.length).toBe(2);
    });

    test(`the second try ended (${end}) too: 502, and no third`, async () => {
      await using warm = await warmUp(proxy());
      const { client, origin, upstream } = warm;
      await client.send(get(origin, "/second"));
      await upstream.readRequest();
      end === "fin" ? upstream.finish() : upstream.reset();
      const second = await origin.acceptRequest();
      end === "fin" ? second.upstream.finish() : second.upstream.reset();
      expectRefusal(await client.readResponse(), { status: 502, error: "connection_terminated" });
      expect(origin.connections.length).toBe(2);
    });

    test(`a POST whose body was sent on a reused connection that the server then ends (${end}) is not sent again`, async () => {
      await using warm = await warmUp(proxy());
      const { client, origin, upstream } = warm;
      await client.send(`POST http://${origin.authority}/pay HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello`);
      expect((await upstream.readRequest()).body).toBe("hello");
      end === "fin" ? upstream.finish() : upstream.reset();
      expectRefusal(await client.readResponse(), { status: 502, error: "connection_terminated" });
      expect(origin.connections.length).toBe(1);
    });

    test(`a POST none of whose body was sent (${end}) is sent again`, async () => {
      await using warm = await warmUp(proxy());
      const { client, origin, upstream } = warm;
      await client.send(
        `POST http://${origin.authority}/pay HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n`,
      );
      await upstream.readHead();
      end === "fin" ? upstream.finish() : upstream.reset();
      const second = await origin.accept();
      await second.readHead();
      await second.send("HTTP/1.1 100 Continue\r\n\r\n");
      expect((await client.readResponse()).status).toBe(100);
      await client.send("hello");
      expect(await second.read(5)).toBe("hello");
      await second.send(ok("paid"));
      expect((await client.readResponse()).body).toBe("paid");
    });

    test(`a PUT whose body was sent (${end}) is sent again whole, or not at all`, async () => {
      await using warm = await warmUp(proxy());
      const { client, origin, upstream } = warm;
      await client.send(`PUT http://${origin.authority}/doc HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello`);
      expect((await upstream.readRequest()).body).toBe("hello");
      end === "fin" ? upstream.finish() : upstream.reset();
      const again = origin.acceptRequest().then(async (second) => {
        expect(second.request.body).toBe("hello");
        await second.upstream.send(ok("put"));
      }).catch(() => {});
      const response = await client.readResponse();
      if (response.status === 200) return await again;
      expectRefusal(response, { status: 502, error: "connection_terminated" });
      expect(origin.connections.length).toBe(1);
    });

    test(`a GET on a fresh connection that the server ends (${end}) is not sent again`, async () => {
      await using origin = await Origin.start();
      await using client = await connectRaw(proxy());
      await client.send(get(origin, "/"));
      const { upstream } = await origin.acceptRequest();
      end === "fin" ? upstream.finish() : upstream.reset();
      expectRefusal(await client.readResponse(), { status: 502, error: "connection_terminated" });
      expect(origin.connections.length).toBe(1);
    });

    test(`a GET is not sent again once an octet of the answer came (${end})`, async () => {
      await using warm = await warmUp(proxy());
      const { client, origin, upstream } = warm;
      await client.send(get(origin, "/second"));
      await upstream.readRequest();
      await upstream.send("HTTP/1.1 103 Early Hints\r\n\r\n");
      expect((await client.readResponse()).status).toBe(103);
      end === "fin" ? upstream.finish() : upstream.reset();
      expectRefusal(await client.readResponse(), { status: 502, error: "connection_terminated" });
      expect(origin.connections.length).toBe(1);
    });
  }

  test("octets that a server sends between two requests end its connection, and are no answer", async () => {
    await using warm = await warmUp(proxy());
    const { client, origin, upstream } = warm;
    await upstream.send(ok("forged"));
    await upstream.ended();
    await client.send(get(origin, "/second"));
    const second = await origin.acceptRequest();
    await second.upstream.send(ok("second"));
    expect((await client.readResponse()).body).toBe("second");
  });
});
