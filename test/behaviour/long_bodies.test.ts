// Tests long bodies, which an engine may move by itself: whole and in their place, whatever their framing; cut visibly where
// one side leaves; counted; and with what follows them read by nobody else.
import { createHash, randomBytes } from "node:crypto";
import { expect, test } from "bun:test";
import { connectRaw } from "../support/raw_client.ts";
import { between } from "../support/log_lines.ts";
import { OK_ANSWER, Origin } from "../support/origin.ts";
import { behaviour, LOOPBACK_RULES, useProxy } from "../support/suite.ts";

const DATE = "Date: Thu, 01 Jan 2026 00:00:00 GMT";
const MIB = 1024 * 1024;
/** More than the kernel and a proxy hold on the way of one connection. */
const MORE_THAN_FITS = 24 * MIB;
/** No multiple of any buffer's size. */
const LONG = randomBytes(3 * MIB + 12345);
const TEXT = LONG.toString("latin1");

function digest(text: string): string {
  return createHash("sha256").update(text, "latin1").digest("hex");
}

function chunk(data: Uint8Array, extension = ""): Buffer {
  return Buffer.concat([Buffer.from(`${data.length.toString(16)}${extension}\r\n`), data, Buffer.from("\r\n")]);
}

/** One long chunk between two short ones. */
const CHUNKED = Buffer.concat([
  chunk(LONG.subarray(0, 10)),
  chunk(LONG.subarray(10, 3 * MIB), ";a=b"),
  chunk(LONG.subarray(3 * MIB)),
  Buffer.from("0\r\nX-T: end\r\n\r\n"),
]);

const DOWNLOADS = [
  { framing: "length", field: `Content-Length: ${LONG.length}\r\n`, body: LONG, ends: false, trailers: [] },
  {
    framing: "chunked",
    field: "Transfer-Encoding: chunked\r\n",
    body: CHUNKED,
    ends: false,
    trailers: [["X-T", "end"]],
  },
  { framing: "until-close", field: "", body: LONG, ends: true, trailers: [] },
] as const;

behaviour("Long bodies", () => {
  const proxy = useProxy({ rules: LOOPBACK_RULES });

  for (const { framing, field, body, ends, trailers } of DOWNLOADS) {
    test(`a response (${framing}) arrives whole, and the next one behind it`, async () => {
      await using origin = await Origin.start();
      await using client = await connectRaw(proxy());
      const request = `GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`;
      await client.send(request + request);
      const { upstream } = await origin.acceptRequest();
      void upstream.send(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${DATE}\r\n${field}\r\n`), body]));
      if (ends) upstream.finish();
      const response = await client.readResponse();
      expect([response.complete, response.framing]).toEqual([true, ends ? "chunked" : framing]);
      expect(digest(response.body)).toBe(digest(TEXT));
      expect(response.trailers).toEqual(trailers as never);
      const next = ends ? (await origin.acceptRequest()).upstream : upstream;
      if (!ends) await upstream.readRequest();
      await next.send(OK_ANSWER);
      expect((await client.readResponse()).body).toBe("ok");
    });

    test(`a response (${framing}) arrives whole at an HTTP/1.0 client that is slow to take it`, async () => {
      await using origin = await Origin.start();
      await using client = await connectRaw(proxy());
      await client.send(`GET http://${origin.authority}/ HTTP/1.0\r\n\r\n`);
      const { upstream } = await origin.acceptRequest();
      client.pause();
      const sent = upstream.send(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${DATE}\r\n${field}\r\n`), body]));
      if (ends) upstream.finish();
      // Another exchange, so that the proxy has turned to everything that it could read meanwhile.
      await using other = await connectRaw(proxy());
      await using quick = await Origin.start({ answer: OK_ANSWER });
      await other.send(`GET http://${quick.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
      expect((await other.readResponse()).body).toBe("ok");
      client.resume();
      const response = await client.readResponse();
      await sent;
      expect(response.complete).toBe(true);
      expect(digest(response.body)).toBe(digest(TEXT));
    });

    for (const end of ["finish", "reset"] as const) {
      if (ends && end === "finish") continue;
      for (const version of ["1.1", "1.0"]) {
        test(`a response (${framing}) that its server breaks off (${end}) is cut for an HTTP/${version} client`, async () => {
          await using origin = await Origin.start();
          await using client = await connectRaw(proxy());
          await client.send(`GET http://${origin.authority}/ HTTP/${version}\r\nHost: h\r\n\r\n`);
          const { upstream } = await origin.acceptRequest();
          const half = body.subarray(0, 2 * MIB);
          await upstream.send(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${DATE}\r\n${field}\r\n`), half]));
          await client.hasReceived(MIB);
          upstream[end]();
          const { octets, ending } = await client.readToEnd();
          expect(octets.length).toBeLessThan(body.length);
          expect(octets).not.toEndWith("\r\n0\r\n\r\n");
          if (version === "1.0") expect(ending).toBe("reset");
          const entry = await proxy().waitForAccess("its line", between(client, origin));
          expect(entry.error).toBe(end === "finish" ? "http_protocol_error" : "connection_terminated");
          expect(entry.bytes_to_client).toBeGreaterThan(MIB);
        });
      }
    }
  }

  for (const framing of ["length", "chunked"] as const) {
    const isLength = framing === "length";
    const field = isLength ? `Content-Length: ${LONG.length}` : "Transfer-Encoding: chunked";
    const body = isLength ? LONG : CHUNKED;

    test(`a request (${framing}) arrives whole, and the one behind it is answered in its turn`, async () => {
      await using origin = await Origin.start();
      await using client = await connectRaw(proxy());
      const head = `POST http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n${field}\r\n\r\n`;
      const behind = `GET http://${origin.authority}/behind HTTP/1.1\r\nHost: h\r\n\r\n`;
      void client.send(Buffer.concat([Buffer.from(head), body, Buffer.from(behind)]));
      const upstream = await origin.accept();
      const request = await upstream.readRequest();
      expect([request.complete, request.framing]).toEqual([true, framing]);
      expect(digest(request.body)).toBe(digest(TEXT));
      expect(request.trailers).toEqual(isLength ? [] : [["X-T", "end"]]);
      expect(upstream.unread).toBe("");
      await upstream.send(OK_ANSWER);
      expect((await client.readResponse()).body).toBe("ok");
      expect((await upstream.readRequest()).startLine).toBe("GET /behind HTTP/1.1");
      await upstream.send(OK_ANSWER);
      expect((await client.readResponse()).body).toBe("ok");
    });

    for (const leave of ["finish", "reset"] as const) {
      test(`a request (${framing}) that its client breaks off (${leave}) is never whole`, async () => {
        await using origin = await Origin.start();
        await using client = await connectRaw(proxy());
        await client.send(`POST http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n${field}\r\n\r\n`);
        await client.send(body.subarray(0, 2 * MIB));
        const upstream = await origin.accept();
        await upstream.hasReceived(MIB);
        client[leave]();
        const { octets } = await upstream.readToEnd();
        expect(octets.length).toBeLessThan(body.length);
        expect(octets).not.toEndWith("0\r\n\r\n");
      });
    }

    test(`an answer comes through while a request (${framing}) is on its way, and ends it`, async () => {
      await using origin = await Origin.start();
      await using client = await connectRaw(proxy());
      await client.send(`POST http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n${field}\r\n\r\n`);
      await client.send(body.subarray(0, 2 * MIB));
      const upstream = await origin.accept();
      await upstream.hasReceived(MIB);
      await upstream.send(`HTTP/1.1 413 Too Large\r\n${DATE}\r\nContent-Length: 3\r\n\r\nbig`);
      const response = await client.readResponse();
      expect([response.status, response.body, response.closes]).toEqual([413, "big", true]);
      await upstream.ended();
    });

    test(`a long answer to a long request (${framing}), both on their way at once`, async () => {
      await using origin = await Origin.start();
      await using client = await connectRaw(proxy());
      const head = `POST http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n${field}\r\n\r\n`;
      await client.send(Buffer.concat([Buffer.from(head), body.subarray(0, 2 * MIB)]));
      const upstream = await origin.accept();
      await upstream.hasReceived(MIB);
      await upstream.send(`HTTP/1.1 200 OK\r\n${DATE}\r\nContent-Length: ${LONG.length}\r\n\r\n`);
      await upstream.send(LONG.subarray(0, 2 * MIB));
      await client.hasReceived(MIB);
      await client.send(body.subarray(2 * MIB));
      const request = await upstream.readRequest();
      expect([request.complete, digest(request.body)]).toEqual([true, digest(TEXT)]);
      void upstream.send(LONG.subarray(2 * MIB));
      expect(digest((await client.readResponse()).body)).toBe(digest(TEXT));
    });
  }

  test("octets behind a long answer end its connection, and answer nobody", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    const request = `GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`;
    await client.send(request + request);
    const { upstream } = await origin.acceptRequest();
    const forged = `HTTP/1.1 200 OK\r\n${DATE}\r\nContent-Length: 6\r\n\r\nforged`;
    const head = `HTTP/1.1 200 OK\r\n${DATE}\r\nContent-Length: ${LONG.length}\r\n\r\n`;
    void upstream.send(Buffer.concat([Buffer.from(head), LONG, Buffer.from(forged)]));
    expect(digest((await client.readResponse()).body)).toBe(digest(TEXT));
    const next = (await origin.acceptRequest()).upstream;
    await next.send(OK_ANSWER);
    expect((await client.readResponse()).body).toBe("ok");
    await upstream.ended();
  });

  test("a chunk that does not end where it should cuts the answer", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    const { upstream } = await origin.acceptRequest();
    const head = `HTTP/1.1 200 OK\r\n${DATE}\r\nTransfer-Encoding: chunked\r\n\r\n${LONG.length.toString(16)}\r\n`;
    void upstream.send(Buffer.concat([Buffer.from(head), LONG, Buffer.from("xx0\r\n\r\n")]));
    const { octets } = await client.readToEnd();
    expect(octets).not.toEndWith("0\r\n\r\n");
    await upstream.ended();
  });

  test("the access log counts what went each way, whole or cut", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    const head = `PUT http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nContent-Length: ${LONG.length}\r\n\r\n`;
    await client.send(Buffer.concat([Buffer.from(head), LONG]));
    const upstream = await origin.accept();
    await upstream.readRequest();
    await upstream.send(`HTTP/1.1 200 OK\r\n${DATE}\r\nContent-Length: ${LONG.length}\r\n\r\n`);
    await upstream.send(LONG);
    const response = await client.readResponse();
    const whole = await proxy().waitForAccess(
      "the PUT",
      (entry) => entry.method === "PUT" && between(client, origin)(entry),
    );
    expect(whole.bytes_from_client).toBe(head.length + LONG.length);
    expect(whole.bytes_to_client).toBe(response.raw.length);

    await client.send(head.replace("PUT", "POST"));
    await client.send(LONG.subarray(0, 2 * MIB));
    await upstream.hasReceived(LONG.length + 2 * MIB);
    client.reset();
    const cut = await proxy().waitForAccess(
      "the POST",
      (entry) => entry.method === "POST" && between(client, origin)(entry),
    );
    expect(cut.bytes_from_client).toBe(head.length + 1 + 2 * MIB);
    expect(cut.details).toBe("the client went away");
  });
});

behaviour("Long bodies and the idle timeout", () => {
  const proxy = useProxy({
    rules: LOOPBACK_RULES,
    args: ["--idle-timeout", "300ms", "--response-timeout", "30s"],
  });

  /** One after another, so that a time longer than the limit has passed. */
  async function outlastIdleTimeout(): Promise<void> {
    for (let round = 0; round < 2; round++) {
      await using origin = await Origin.start();
      await using client = await connectRaw(proxy());
      await client.send(`CONNECT ${origin.authority} HTTP/1.1\r\n\r\n`);
      await client.readResponse("CONNECT");
      await client.ended();
    }
  }

  test("a request body that stops is a 408", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(`POST http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nContent-Length: ${LONG.length}\r\n\r\n`);
    await client.send(LONG.subarray(0, 2 * MIB));
    const upstream = await origin.accept();
    await upstream.hasReceived(2 * MIB);
    expect((await client.readResponse()).status).toBe(408);
    await upstream.ended();
  });

  test("a request body that its origin does not take is a 504", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(
      `POST http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nContent-Length: ${MORE_THAN_FITS}\r\n\r\n`,
    );
    const upstream = await origin.accept();
    await upstream.readHead();
    upstream.pause();
    void client.send(Buffer.alloc(MORE_THAN_FITS));
    expect((await client.readResponse()).status).toBe(504);
  });

  test("a response body that stops is cut", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    const { upstream } = await origin.acceptRequest();
    await upstream.send(`HTTP/1.1 200 OK\r\n${DATE}\r\nContent-Length: ${LONG.length}\r\n\r\n`);
    await upstream.send(LONG.subarray(0, 2 * MIB));
    const response = await client.readResponse();
    expect([response.status, response.complete, response.body.length]).toEqual([200, false, 2 * MIB]);
    await upstream.ended();
  });

  for (const [what, from] of [["response", "upstream"], ["request", "client"]] as const) {
    test(`a ${what} body that drips outlives it`, async () => {
      await using origin = await Origin.start();
      await using client = await connectRaw(proxy());
      const isRequest = what === "request";
      const length = isRequest ? LONG.length : 0;
      await client.send(`POST http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nContent-Length: ${length}\r\n\r\n`);
      const upstream = await origin.accept();
      await upstream.readHead();
      if (!isRequest) await upstream.send(`HTTP/1.1 200 OK\r\n${DATE}\r\nContent-Length: ${LONG.length}\r\n\r\n`);
      const ends = { client, upstream };
      let at = 2 * MIB;
      await ends[from].send(LONG.subarray(0, at));
      await ends[isRequest ? "upstream" : "client"].hasReceived(at);
      const dripping = setInterval(() => void ends[from].send(LONG.subarray(at, ++at)), 25);
      try {
        await outlastIdleTimeout();
      } finally {
        clearInterval(dripping);
      }
      await ends[from].send(LONG.subarray(at));
      if (isRequest) {
        expect(digest((await upstream.readBytes(LONG.length)).toString("latin1"))).toBe(digest(TEXT));
        await upstream.send(OK_ANSWER);
      }
      const response = await client.readResponse();
      expect(digest(response.body)).toBe(digest(isRequest ? "ok" : TEXT));
    });
  }
});
