// The line of a request or tunnel: its keys and their order, what is left out, which are logged, and that nothing a
// client sends breaks out of it.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { IpAddress } from "../../src/address/ip_address.ts";
import { AccessLog, type AccessLogMode } from "../../src/observe/access_log.ts";
import { type Exchange, startExchange } from "../../src/observe/exchange.ts";
import type { LogFormat } from "../../src/observe/log_line.ts";
import { LogWriter } from "../../src/observe/log_writer.ts";

const START_EPOCH_MS = Date.UTC(2030, 0, 2, 3, 4, 5, 6);

function makeExchange(changes: Partial<Exchange> = {}): Exchange {
  const client = { address: IpAddress.parse("10.128.0.7")!, port: 40_001 };
  return { ...startExchange(client, START_EPOCH_MS, 1_000), endMs: 1_000, ...changes };
}

const TUNNEL: Partial<Exchange> = {
  method: "CONNECT",
  host: "www.example.com",
  port: 443,
  decision: "allow",
  ruleLine: 3,
  ruleText: "*.example.com",
  upstream: { address: IpAddress.parse("2001:db8::1")!, port: 443 },
  status: 200,
  bytesFromClient: 517,
  bytesToClient: 123_456,
  endMs: 2_500.1234,
  tunnel: true,
};

async function write(exchanges: readonly Exchange[], mode: AccessLogMode = "on", format: LogFormat = "json") {
  let stdout = "";
  const output = {
    writeStdout: (text: string) => {
      stdout += text;
      return true;
    },
    writeStderr: () => {},
    flush: () => Promise.resolve(),
  };
  const writer = new LogWriter(output, () => "");
  const log = new AccessLog(writer, format, mode);
  for (const exchange of exchanges) log.record(exchange);
  await writer.close();
  return stdout;
}

describe("AccessLog", () => {
  test("writes every key that has a value, in a fixed order, with the time of the end", async () => {
    const details = 'the server said "no"';
    const line = await write([makeExchange({ ...TUNNEL, wouldDeny: true, error: "connection_terminated", details })]);
    expect(line).toBe(
      '{"time":"2030-01-02T03:04:06.506Z","level":"info","message":"tunnel","client":"10.128.0.7:40001",' +
        '"method":"CONNECT","host":"www.example.com","port":443,"decision":"allow","would_deny":true,"rule_line":3,' +
        '"rule":"*.example.com","upstream":"[2001:db8::1]:443","status":200,"bytes_from_client":517,' +
        '"bytes_to_client":123456,"duration_ms":1500.123,"error":"connection_terminated",' +
        '"details":"the server said \\"no\\""}\n',
    );
  });

  test("leaves out what there is not, save decision and status", async () => {
    expect(await write([makeExchange()])).toBe(
      '{"time":"2030-01-02T03:04:05.006Z","level":"info","message":"request","client":"10.128.0.7:40001",' +
        '"decision":"none","status":0,"bytes_from_client":0,"bytes_to_client":0,"duration_ms":0}\n',
    );
  });

  test("writes the same as text", async () => {
    const line = await write([makeExchange({ ...TUNNEL, details: "cut at shutdown" })], "on", "text");
    expect(line).toBe(
      "2030-01-02T03:04:06.506Z info  tunnel client=10.128.0.7:40001 method=CONNECT host=www.example.com port=443 " +
        "decision=allow rule_line=3 rule=*.example.com upstream=[2001:db8::1]:443 status=200 bytes_from_client=517 " +
        'bytes_to_client=123456 duration_ms=1500.123 details="cut at shutdown"\n',
    );
  });

  const exchanges = [
    makeExchange({ decision: "allow", host: "allowed" }),
    makeExchange({ decision: "allow", host: "would-be-denied", wouldDeny: true }),
    makeExchange({ decision: "deny", host: "denied" }),
    makeExchange({ decision: "none", host: "refused" }),
  ];
  const modes: { mode: AccessLogMode; expected: string[] }[] = [
    { mode: "on", expected: ["allowed", "would-be-denied", "denied", "refused"] },
    { mode: "denied", expected: ["would-be-denied", "denied", "refused"] },
    { mode: "off", expected: [] },
  ];
  for (const { mode, expected } of modes) {
    test(`logs ${expected.join(", ") || "nothing"} in mode ${mode}`, async () => {
      const lines = (await write(exchanges, mode)).split("\n").slice(0, -1);
      expect(lines.map((line) => JSON.parse(line).host)).toEqual(expected);
    });
  }

  test("keeps whatever a client sends inside its own value", async () => {
    const hostile = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom('","decision":"allow', "a\n{}", "\\", "\u2028", "\ud800", "\u001b[2J"),
    );
    await fc.assert(fc.asyncProperty(hostile, hostile, hostile, async (method, host, details) => {
      const text = await write([makeExchange({ method, host, details, decision: "deny" })]);
      expect(text.split(/[\n\r\u2028\u2029\u0085]/).length).toBe(2);
      const line = JSON.parse(text);
      expect([line.method ?? "", line.host ?? "", line.details ?? ""]).toEqual([method, host, details]);
      expect(line.decision).toBe("deny");
    }));
  });
});
