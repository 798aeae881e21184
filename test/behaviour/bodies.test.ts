// Tests bodies on their way (RFC 9112 §6 and §7): passed on as they come, in the framing that the other side knows, with
// bounded memory, and given up on both sides when one of them leaves.
import { createHash, randomBytes } from "node:crypto";
import { expect, test } from "bun:test";
import { startDnsStub } from "../support/dns_stub.ts";
import { expectClosed, expectRefusal } from "../support/expectations.ts";
import { connectRaw } from "../support/raw_client.ts";
import { OK_ANSWER, Origin } from "../support/origin.ts";
import { behaviour, LOOPBACK_RULES, useProxy } from "../support/suite.ts";

const DATE = "Date: Thu, 01 Jan 2026 00:00:00 GMT";
const MIB = 1024 * 1024;

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

behaviour("Bodies", () => {
  const proxy = useProxy(async () => ({ rules: LOOPBACK_RULES, dns: await startDnsStub() }));

  test("a request body is passed on as it comes, and chunked it stays chunked with its trailers", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(
      `POST http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n`,
    );
    const upstream = await origin.accept();
    const head = await upstream.readHead();
    expect(head).toMatch(/\r\nTransfer-Encoding: chunked\r\n/i);
    await client.send("5\r\nhello\r\n");
    // Each piece arrives before the next is sent: nothing waits for the end of the body.
    expect(await upstream.read(10)).toBe("5\r\nhello\r\n");
    await client.send("6\r\n world\r\n");
    expect(await upstream.read(11)).toBe("6\r\n world\r\n");
    await client.send("0\r\nX-T: end\r\n\r\n");
    expect(await upstream.read(15)).toBe("0\r\nX-T: end\r\n\r\n");
    await upstream.send(OK_ANSWER);
    expect((await client.readResponse()).body).toBe("ok");
  });

  test("a response body is passed on as it comes", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(`GET http://${origin.authority}/events HTTP/1.1\r\nHost: h\r\n\r\n`);
    const { upstream } = await origin.acceptRequest();
    await upstream.send(`HTTP/1.1 200 OK\r\n${DATE}\r\nTransfer-Encoding: chunked\r\n\r\n`);
    expect(await client.readHead()).toStartWith("HTTP/1.1 200 OK\r\n");
    for (const event of ["data: 1\n\n", "data: 2\n\n"]) {
      await upstream.send(`${event.length.toString(16)}\r\n${event}\r\n`);
      expect(await client.read(event.length + 5)).toBe(`${event.length.toString(16)}\r\n${event}\r\n`);
    }
    await upstream.send("0\r\nX-T: 1\r\n\r\n");
    expect(await client.read(13)).toBe("0\r\nX-T: 1\r\n\r\n");
  });

  test("a response body that ends with the connection is passed on as it comes, and its end too", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(`GET http://${origin.authority}/ HTTP/1.0\r\n\r\n`);
    const { upstream } = await origin.acceptRequest();
    await upstream.send(`HTTP/1.0 200 OK\r\n${DATE}\r\n\r\none`);
    await client.readHead();
    expect(await client.read(3)).toBe("one");
    await upstream.send("two");
    expect(await client.read(3)).toBe("two");
    upstream.finish();
    await expectClosed(client);
  });

  test("8 MiB of request body and 8 MiB of response body arrive whole", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    const sent = randomBytes(8 * MIB);
    await client.send(`PUT http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nContent-Length: ${sent.length}\r\n\r\n`);
    void client.send(sent);
    const upstream = await origin.accept();
    await upstream.readHead();
    expect(sha256(await upstream.readBytes(sent.length))).toBe(sha256(sent));
    await upstream.send(`HTTP/1.1 200 OK\r\n${DATE}\r\nContent-Length: ${sent.length}\r\n\r\n`);
    void upstream.send(sent);
    await client.readHead();
    expect(sha256(await client.readBytes(sent.length))).toBe(sha256(sent));
  });

  test("8 MiB in chunks of one octet to 64 KiB arrive whole", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    const sent = randomBytes(8 * MIB);
    await client.send(`GET http://${origin.authority}/ HTTP/1.0\r\n\r\n`);
    const { upstream } = await origin.acceptRequest();
    await upstream.send(`HTTP/1.1 200 OK\r\n${DATE}\r\nTransfer-Encoding: chunked\r\n\r\n`);
    const pieces: Uint8Array[] = [];
    for (let at = 0, size = 1; at < sent.length; size = size * 3 % 65521) {
      const piece = sent.subarray(at, at + size);
      pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n"));
      at += piece.length;
    }
    void upstream.send(Buffer.concat([...pieces, Buffer.from("0\r\n\r\n")]));
    await client.readHead();
    expect(sha256(await client.readBytes(sent.length))).toBe(sha256(sent));
    await expectClosed(client);
  });

  test("R2 a response body waits for a client that does not read, and arrives whole once it does", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    const total = 64 * MIB;
    await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    const { upstream } = await origin.acceptRequest();
    await upstream.send(`HTTP/1.1 200 OK\r\n${DATE}\r\nContent-Length: ${total}\r\n\r\n`);
    await client.readHead();
    client.pause();
    const piece = randomBytes(MIB);
    const hash = createHash("sha256");
    let taken = 0;
    const sending = (async () => {
      for (let sent = 0; sent < total; sent += piece.length) {
        if (!(await upstream.send(piece))) return;
        taken += piece.length;
        hash.update(piece);
      }
    })();
    // Another exchange of the same proxy, several times over, while that one is stalled: no other client waits for it.
    for (let round = 0; round < 20; round++) {
      await using other = await connectRaw(proxy());
      await using quick = await Origin.start({ answer: OK_ANSWER });
      await other.send(`GET http://${quick.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
      expect((await other.readResponse()).body).toBe("ok");
    }
    // What the kernel and the proxy hold together is far less than the whole.
    expect(taken).toBeLessThan(total / 2);
    client.resume();
    const got = createHash("sha256");
    for (let read = 0; read < total; read += MIB) got.update(await client.readBytes(MIB));
    await sending;
    expect(got.digest("hex")).toBe(hash.digest("hex"));
  });

  test("Expect: 100-continue is passed on, the body follows the 100", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(
      `POST http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n`,
    );
    const upstream = await origin.accept();
    expect(await upstream.readHead()).toMatch(/\r\nExpect: 100-continue\r\n/i);
    await upstream.send("HTTP/1.1 100 Continue\r\n\r\n");
    expect((await client.readResponse()).status).toBe(100);
    await client.send("hello");
    expect(await upstream.read(5)).toBe("hello");
    await upstream.send(OK_ANSWER);
    expect((await client.readResponse()).body).toBe("ok");
  });

  test("P27 a final answer in place of the 100 comes through, and a body sent then is never read as a request", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    const smuggled = `GET http://${origin.authority}/smuggled HTTP/1.1\r\nHost: h\r\n\r\n`;
    await client.send(
      `POST http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nContent-Length: ${smuggled.length}\r\nExpect: 100-continue\r\n\r\n`,
    );
    const upstream = await origin.accept();
    await upstream.readHead();
    await upstream.send(`HTTP/1.1 401 No\r\n${DATE}\r\nContent-Length: 0\r\n\r\n`);
    const response = await client.readResponse();
    expect(response.status).toBe(401);
    await client.send(smuggled);
    client.finish();
    expect((await client.readToEnd()).octets).toBe("");
    await upstream.ended();
    expect(origin.received).not.toContain("GET /smuggled");
    expect(origin.connections.length).toBe(1);
  });

  test("P27 a final answer before the body has been sent comes through while the body is still on its way", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(`POST http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nhello`);
    const upstream = await origin.accept();
    await upstream.readHead();
    await upstream.read(5);
    await upstream.send(`HTTP/1.1 413 Too Large\r\n${DATE}\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig`);
    const response = await client.readResponse();
    expect([response.status, response.body]).toEqual([413, "big"]);
  });

  for (
    const [what, target, status] of [["refused by rule", "http://denied.test/", 403], [
      "whose name is not found",
      "http://nowhere.test/",
      502,
    ]] as const
  ) {
    for (const framing of ["length", "chunked"]) {
      for (const pace of ["at once", "later"]) {
        test(`P23 the body of a request ${what} (${framing}, sent ${pace}) is never read as a request`, async () => {
          await using origin = await Origin.start({ answer: OK_ANSWER });
          await using client = await connectRaw(proxy());
          const smuggled = `GET http://${origin.authority}/smuggled HTTP/1.1\r\nHost: h\r\n\r\n`;
          const [field, body] = framing === "length"
            ? [`Content-Length: ${smuggled.length}`, smuggled]
            : ["Transfer-Encoding: chunked", `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`];
          const head = `POST ${target} HTTP/1.1\r\nHost: h\r\n${field}\r\n\r\n`;
          await client.send(pace === "at once" ? head + body : head);
          const response = await client.readResponse();
          expect(response.status).toBe(status);
          if (pace === "later") await client.send(body);
          if (!response.closes) {
            await client.send(`GET http://${origin.authority}/next HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
            expect((await client.readResponse()).status).toBe(200);
          }
          expect((await client.readToEnd()).octets).toBe("");
          expect(origin.received).not.toContain("smuggled");
        });
      }
    }
  }

  test("P26 another expectation is a 417", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nExpect: foo\r\n\r\n`);
    expectRefusal(await client.readResponse(), { status: 417, error: "http_request_error" });
    await expectClosed(client);
    expect(origin.connections.length).toBe(0);
  });

  for (const [name, leave] of [["resets", "reset"], ["sends FIN", "finish"]] as const) {
    for (
      const [when, answer] of [
        ["before the answer", ""],
        ["in the middle of the answer", `HTTP/1.1 200 OK\r\n${DATE}\r\nContent-Length: 100\r\n\r\nhello`],
      ] as const
    ) {
      if (leave === "finish" && answer !== "") continue;
      test(`a client that ${name} ${when} ends the upstream request`, async () => {
        await using origin = await Origin.start();
        await using client = await connectRaw(proxy());
        await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
        const { upstream } = await origin.acceptRequest();
        if (answer !== "") {
          await upstream.send(answer);
          await client.readHead();
        }
        client[leave]();
        await upstream.ended();
      });
    }
    test(`a client that ${name} in the middle of its body never makes a whole request of it`, async () => {
      await using origin = await Origin.start();
      await using client = await connectRaw(proxy());
      await client.send(
        `POST http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
      );
      const upstream = await origin.accept();
      await upstream.readHead();
      await upstream.read(10);
      client[leave]();
      const end = await upstream.readToEnd();
      expect(end.octets).not.toContain("0\r\n\r\n");
    });
  }

  test("a client that leaves a body of known length in the middle ends the upstream request", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(`POST http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello`);
    const upstream = await origin.accept();
    await upstream.readHead();
    await upstream.read(5);
    client.finish();
    expect((await upstream.readToEnd()).octets).toBe("");
  });
});
