// Tests the way down: what is under way may end, nothing new begins, a second signal or the timeout cuts.
import { expect, test } from "bun:test";
import { within } from "../support/deadline.ts";
import { isAccess } from "../support/log_lines.ts";
import { type Proxy, startProxy } from "../support/launcher.ts";
import { connectRaw } from "../support/raw_client.ts";
import { OK_ANSWER, Origin } from "../support/origin.ts";
import type { RawConnection } from "../support/raw_connection.ts";
import { behaviour, LOOPBACK_RULES } from "../support/suite.ts";

async function openTunnel(proxy: Proxy, origin: Origin): Promise<{ client: RawConnection; upstream: RawConnection }> {
  const client = await connectRaw(proxy);
  await client.send(`CONNECT ${origin.authority} HTTP/1.1\r\n\r\n`);
  const upstream = await origin.accept();
  expect((await client.readResponse("CONNECT")).status).toBe(200);
  return { client, upstream };
}

/** Resolves once the listener is gone: new connections are refused, or reset before they were accepted. */
async function untilRefused(proxy: Proxy): Promise<void> {
  await within(
    "new connections to be refused",
    (async () => {
      while (true) {
        try {
          await using client = await connectRaw(proxy);
          await client.ended();
        } catch (error) {
          const { code } = error as NodeJS.ErrnoException;
          if (code === "ECONNREFUSED") return;
          // One of several listeners on the port closed with this connection in its queue: others may still be there.
          if (code !== "ECONNRESET") throw error;
        }
      }
    })(),
  );
}

behaviour("Shutdown", () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`${signal} with nothing under way ends the program with 0`, async () => {
      await using proxy = await startProxy({ rules: LOOPBACK_RULES });
      proxy.signal(signal);
      expect(await proxy.exited).toBe(0);
    });
  }

  test("R15 a request under way is answered, new connections are refused, then the program ends with 0", async () => {
    await using proxy = await startProxy({ rules: LOOPBACK_RULES });
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy);
    await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    const { upstream } = await origin.acceptRequest();
    proxy.signal("SIGTERM");
    await untilRefused(proxy);
    await upstream.send(OK_ANSWER);
    const response = await client.readResponse();
    expect([response.status, response.body, response.closes]).toEqual([200, "ok", true]);
    expect(await proxy.exited).toBe(0);
  });

  test("R15 an idle kept-alive connection is ended and holds nothing up", async () => {
    await using proxy = await startProxy({ rules: LOOPBACK_RULES });
    await using origin = await Origin.start({ answer: OK_ANSWER });
    await using client = await connectRaw(proxy);
    await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    expect((await client.readResponse()).status).toBe(200);
    proxy.signal("SIGTERM");
    expect((await client.readToEnd()).octets).toBe("");
    expect(await proxy.exited).toBe(0);
  });

  test("R15 a tunnel lives until it ends, then the program ends with 0", async () => {
    await using proxy = await startProxy({ rules: LOOPBACK_RULES });
    await using origin = await Origin.start();
    const { client, upstream } = await openTunnel(proxy, origin);
    await using _ = client;
    proxy.signal("SIGTERM");
    await untilRefused(proxy);
    await client.send("still here");
    expect(await upstream.read(10)).toBe("still here");
    upstream.finish();
    client.finish();
    expect(await client.readToEnd()).toEqual({ octets: "", ending: "fin" });
    expect(await proxy.exited).toBe(0);
  });

  test("R15 what is still open at --drain-timeout is cut, logged, and the exit code is 0", async () => {
    await using proxy = await startProxy({ rules: LOOPBACK_RULES, args: ["--drain-timeout", "300ms"] });
    await using origin = await Origin.start();
    const { client, upstream } = await openTunnel(proxy, origin);
    await using _ = client;
    proxy.signal("SIGTERM");
    await client.ended();
    await upstream.ended();
    expect(await proxy.exited).toBe(0);
    expect(proxy.logs.filter(isAccess).map((entry) => entry.method)).toEqual(["CONNECT"]);
    const last = proxy.logs.findLast((entry) => !isAccess(entry));
    expect(JSON.stringify(last)).toMatch(/SIGTERM/);
    expect(Object.entries(last ?? {}).some(([key, value]) => /cut/i.test(key) && value === 1)).toBe(true);
  });

  test("the last line says what was cut: requests and tunnels apart, none that was idle", async () => {
    await using proxy = await startProxy({ rules: LOOPBACK_RULES, args: ["--drain-timeout", "200ms"] });
    await using origin = await Origin.start();
    await using answering = await Origin.start({ answer: OK_ANSWER });
    const tunnels = [await openTunnel(proxy, origin), await openTunnel(proxy, origin)];
    await using asking = await connectRaw(proxy);
    await asking.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    await origin.acceptRequest();
    await using idle = await connectRaw(proxy);
    await idle.send(`GET http://${answering.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    expect((await idle.readResponse()).status).toBe(200);
    proxy.signal("SIGTERM");
    expect(await proxy.exited).toBe(0);
    const last = proxy.logs.findLast((entry) => !isAccess(entry));
    expect([last?.message, last?.ended, last?.cut, last?.cut_requests, last?.cut_tunnels]).toEqual([
      "stopped",
      "drain timeout",
      3,
      1,
      2,
    ]);
    for (const { client } of tunnels) await client[Symbol.asyncDispose]();
  });

  test("R15 a second signal cuts at once", async () => {
    await using proxy = await startProxy({ rules: LOOPBACK_RULES, args: ["--drain-timeout", "0"] });
    await using origin = await Origin.start();
    const { client, upstream } = await openTunnel(proxy, origin);
    await using _ = client;
    proxy.signal("SIGTERM");
    await untilRefused(proxy);
    await client.send("x");
    await upstream.read(1);
    proxy.signal("SIGTERM");
    await client.ended();
    await upstream.ended();
    expect(await proxy.exited).toBe(0);
  });

  test("R15 within --drain-delay new connections are served, and a second signal still cuts at once", async () => {
    await using proxy = await startProxy({ rules: LOOPBACK_RULES, args: ["--drain-delay", "1h"] });
    await using origin = await Origin.start({ answer: OK_ANSWER });
    proxy.signal("SIGTERM");
    for (let round = 0; round < 5; round++) {
      await using client = await connectRaw(proxy);
      await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
      expect((await client.readResponse()).status).toBe(200);
    }
    proxy.signal("SIGTERM");
    expect(await proxy.exited).toBe(0);
  });

  test("within --drain-delay an answer says that its connection ends, and it does: nothing is lost when accepting stops", async () => {
    await using proxy = await startProxy({ rules: LOOPBACK_RULES, args: ["--drain-delay", "1h"] });
    await using origin = await Origin.start({ answer: OK_ANSWER });
    await using client = await connectRaw(proxy);
    const request = `GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`;
    await client.send(request);
    expect((await client.readResponse()).closes).toBe(false);
    proxy.signal("SIGTERM");
    // With the portable engine at once, with threads when the word has reached them.
    for (let closes = false; !closes;) {
      await client.send(request);
      const response = await client.readResponse();
      expect(response.status).toBe(200);
      ({ closes } = response);
    }
    expect(await client.ended()).toBe("fin");
    proxy.signal("SIGTERM");
    expect(await proxy.exited).toBe(0);
  });

  test("after --drain-delay the listener closes", async () => {
    await using proxy = await startProxy({ rules: LOOPBACK_RULES, args: ["--drain-delay", "200ms"] });
    proxy.signal("SIGTERM");
    expect(await proxy.exited).toBe(0);
    await untilRefused(proxy);
  });
});
