// Tests Max-Forwards (RFC 9110 §7.6.2): TRACE and OPTIONS count down, and at zero this proxy is their last recipient.
import { expect, test } from "bun:test";
import { connectRaw } from "../support/raw_client.ts";
import { OK_ANSWER, Origin } from "../support/origin.ts";
import { behaviour, LOOPBACK_RULES, useProxy } from "../support/suite.ts";

behaviour("Max-Forwards", () => {
  const proxy = useProxy({ rules: LOOPBACK_RULES });

  for (const method of ["TRACE", "OPTIONS"]) {
    test(`${method} with Max-Forwards: 0 is answered here, with nothing secret of it`, async () => {
      await using origin = await Origin.start({ answer: OK_ANSWER });
      await using client = await connectRaw(proxy());
      await client.send(
        `${method} http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\nCookie: secret=1\r\nProxy-Authorization: Basic secret\r\n\r\n`,
      );
      const response = await client.readResponse();
      expect(method === "OPTIONS" ? [200, 204] : [200, 405]).toContain(response.status);
      expect(response.body).not.toContain("secret");
      expect(origin.connections.length).toBe(0);
    });

    for (const [sent, received] of [["1", "0"], ["10", "9"]] as const) {
      test(`${method} with Max-Forwards: ${sent} is passed on with ${received}`, async () => {
        await using origin = await Origin.start({ answer: OK_ANSWER });
        await using client = await connectRaw(proxy());
        await client.send(`${method} http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nMax-Forwards: ${sent}\r\n\r\n`);
        expect((await client.readResponse()).status).toBe(200);
        expect(origin.requests[0]?.value("max-forwards")).toBe(received);
      });
    }

    test(`${method} without Max-Forwards is passed on without`, async () => {
      await using origin = await Origin.start({ answer: OK_ANSWER });
      await using client = await connectRaw(proxy());
      await client.send(`${method} http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
      expect((await client.readResponse()).status).toBe(200);
      expect(origin.requests[0]?.value("max-forwards")).toBeUndefined();
    });
  }

  test("other methods keep their Max-Forwards", async () => {
    await using origin = await Origin.start({ answer: OK_ANSWER });
    await using client = await connectRaw(proxy());
    await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n`);
    expect((await client.readResponse()).status).toBe(200);
    expect(origin.requests[0]?.value("max-forwards")).toBe("0");
  });
});
