// Tests the request line and the field lines (RFC 9112 §2 to §5): one way to write them is taken, all others are refused.
import { expect, test } from "bun:test";
import { expectClosed, expectRefusal, expectUntouched } from "../support/expectations.ts";
import { connectRaw } from "../support/raw_client.ts";
import { OK_ANSWER, Origin } from "../support/origin.ts";
import { octetsOf } from "../support/raw_connection.ts";
import { fill, malformed, type RefusedCase, testRefused } from "../support/refusal_table.ts";
import { behaviour, LOOPBACK_RULES, useProxy } from "../support/suite.ts";

/** A GET with these field lines behind Host. */
function get(...fields: string[]): string {
  return ["GET http://{o}/ HTTP/1.1", "Host: {o}", ...fields, "", ""].join("\r\n");
}

/** A request with this first line and a Host. */
function line(text: string): string {
  return `${text}\r\nHost: {o}\r\n\r\n`;
}

const CASES: readonly RefusedCase[] = [
  { name: "P12 all lines ended by LF", send: "GET http://{o}/ HTTP/1.1\nHost: {o}\n\n", expect: malformed() },
  { name: "P12 request line ended by LF", send: "GET http://{o}/ HTTP/1.1\nHost: {o}\r\n\r\n", expect: malformed() },
  { name: "P12 field line ended by LF", send: get("X-A: 1\nX-B: 2"), expect: malformed() },
  { name: "P12 head ended by LF", send: "GET http://{o}/ HTTP/1.1\r\nHost: {o}\r\n\n", expect: malformed() },
  { name: "P12 bare CR in a value", send: get("X-A: 1\r2"), expect: malformed() },
  { name: "P12 bare CR before a line's end", send: get("X-A: 1\r"), expect: malformed() },
  { name: "P12 bare CR in the request line", send: line("GET http://{o}/\r HTTP/1.1"), expect: malformed() },
  { name: "P12 bare CR as a line's end", send: get("X-A: 1\rX-B: 2"), expect: malformed() },
  { name: "P13 folded field, blank", send: get("X-A: 1", " 2"), expect: malformed() },
  { name: "P13 folded field, tab", send: get("X-A: 1", "\t2"), expect: malformed() },
  {
    name: "P13 first field line folded",
    send: "GET http://{o}/ HTTP/1.1\r\n X: 1\r\nHost: {o}\r\n\r\n",
    expect: malformed(),
  },
  { name: "P13 a line of a blank alone", send: get("X-A: 1", " "), expect: malformed() },
  { name: "P14 blank before the colon", send: get("X-A : 1"), expect: malformed() },
  { name: "P14 tab before the colon", send: get("X-A\t: 1"), expect: malformed() },
  { name: "P14 blank in a name", send: get("X A: 1"), expect: malformed() },
  {
    name: "P14 blank before the colon of Host",
    send: "GET http://{o}/ HTTP/1.1\r\nHost : {o}\r\n\r\n",
    expect: malformed(),
  },
  { name: "P15 empty name", send: get(": 1"), expect: malformed() },
  { name: "P15 no colon", send: get("X-A"), expect: malformed() },
  { name: "P15 colon alone", send: get(":"), expect: malformed() },
  ...["\0", "\x01", "\x08", "\x0b", "\x0c", "\x1b", "\x7f"].flatMap((octet) => {
    const hex = octet.charCodeAt(0).toString(16).padStart(2, "0");
    return [
      { name: `P16 octet ${hex} in a value`, send: get(`X-A: a${octet}b`), expect: malformed() },
      { name: `P16 octet ${hex} in a name`, send: get(`X-${octet}A: 1`), expect: malformed() },
      { name: `P16 octet ${hex} in the target`, send: line(`GET http://{o}/a${octet}b HTTP/1.1`), expect: malformed() },
      { name: `P16 octet ${hex} in the method`, send: line(`GE${octet}T http://{o}/ HTTP/1.1`), expect: malformed() },
    ];
  }),
  ...["(", ")", "<", "@", ",", ";", "\\", '"', "/", "[", "?", "=", "{", "\xe4"].map((octet) => ({
    name: `P16 a name with ${JSON.stringify(octet)}`,
    send: get(`X${octet}A: 1`),
    expect: malformed(),
  })),
  { name: "a bad token as method", send: line("G(T http://{o}/ HTTP/1.1"), expect: malformed() },
  { name: "a method with a colon", send: line("GET: http://{o}/ HTTP/1.1"), expect: malformed() },
  { name: "a method of no letters", send: line(" http://{o}/ HTTP/1.1"), expect: malformed() },
  { name: "P18 two blanks before the target", send: line("GET  http://{o}/ HTTP/1.1"), expect: malformed() },
  { name: "P18 two blanks behind the target", send: line("GET http://{o}/  HTTP/1.1"), expect: malformed() },
  { name: "P18 a blank behind the version", send: line("GET http://{o}/ HTTP/1.1 "), expect: malformed() },
  { name: "P18 a blank before the method", send: line(" GET http://{o}/ HTTP/1.1"), expect: malformed() },
  { name: "P18 tab as separator", send: line("GET\thttp://{o}/\tHTTP/1.1"), expect: malformed() },
  { name: "P18 a blank in the target", send: line("GET http://{o}/a b HTTP/1.1"), expect: malformed() },
  { name: "P18 HTTP/0.9", send: "GET http://{o}/\r\n", expect: malformed() },
  { name: "P18 no version", send: line("GET http://{o}/"), expect: malformed() },
  { name: "P18 version in lower case", send: line("GET http://{o}/ http/1.1"), expect: malformed() },
  { name: "P18 version of two digits", send: line("GET http://{o}/ HTTP/1.10"), expect: malformed() },
  { name: "P18 version with a leading zero", send: line("GET http://{o}/ HTTP/01.1"), expect: malformed() },
  { name: "P18 version without minor", send: line("GET http://{o}/ HTTP/1"), expect: malformed() },
  { name: "P18 version with a comma", send: line("GET http://{o}/ HTTP/1,1"), expect: malformed() },
  { name: "P18 another protocol", send: line("GET http://{o}/ RTSP/1.0"), expect: malformed() },
  { name: "P18 HTTP/2.0", send: line("GET http://{o}/ HTTP/2.0"), expect: malformed(undefined, 505) },
  { name: "P18 HTTP/3.1", send: line("GET http://{o}/ HTTP/3.1"), expect: malformed(undefined, 505) },
  { name: "P18 HTTP/0.9 spelt out", send: line("GET http://{o}/ HTTP/0.9"), expect: malformed(undefined, 505) },
  { name: "P20 no Host", send: "GET http://{o}/ HTTP/1.1\r\nX-A: 1\r\n\r\n", expect: malformed(/host/i) },
  { name: "P20 two Hosts", send: get("Host: {o}"), expect: malformed(/host/i) },
  { name: "P20 two Hosts that differ", send: get("hOST: other.example"), expect: malformed(/host/i) },
  {
    name: "P20 Host as a list",
    send: "GET http://{o}/ HTTP/1.1\r\nHost: {o}, other.example\r\n\r\n",
    expect: malformed(/host/i),
  },
  {
    name: "P20 Host with a path",
    send: "GET http://{o}/ HTTP/1.1\r\nHost: {o}/path\r\n\r\n",
    expect: malformed(/host/i),
  },
  {
    name: "P20 Host with user information",
    send: "GET http://{o}/ HTTP/1.1\r\nHost: user@{o}\r\n\r\n",
    expect: malformed(/host/i),
  },
  { name: "P20 Host with a blank", send: "GET http://{o}/ HTTP/1.1\r\nHost: a b\r\n\r\n", expect: malformed(/host/i) },
  { name: "P38 SSH", send: "SSH-2.0-OpenSSH_9.2\r\n", expect: malformed() },
  { name: "P38 SMTP", send: "EHLO client.example\r\n", expect: malformed() },
];

behaviour("Request line and field lines", () => {
  const proxy = useProxy({ rules: LOOPBACK_RULES });

  testRefused(proxy, CASES);

  test("P38 P40 an HTTP/2 preface is refused and closed", async () => {
    await using origin = await Origin.start({ answer: OK_ANSWER });
    await using client = await connectRaw(proxy());
    await client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    const response = await client.readResponse();
    expect([400, 505]).toContain(response.status);
    expectRefusal(response, malformed(undefined, response.status));
    await expectClosed(client);
    await expectUntouched(proxy(), origin);
  });

  test("P38 a TLS hello is refused at its first octets, without waiting for a line's end", async () => {
    await using client = await connectRaw(proxy());
    await client.send(octetsOf("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"));
    expectRefusal(await client.readResponse(), malformed());
    await expectClosed(client);
  });

  for (const count of [1, 2]) {
    test(`${count} empty lines before a request line are passed over`, async () => {
      await using origin = await Origin.start({ answer: OK_ANSWER });
      await using client = await connectRaw(proxy());
      await client.send("\r\n".repeat(count) + fill(get(), origin));
      expect((await client.readResponse()).status).toBe(200);
      expect(origin.received).toStartWith("GET / HTTP/1.1\r\n");
    });
  }

  test("empty lines without end before a request line are refused", async () => {
    await using client = await connectRaw(proxy());
    await client.send("\r\n".repeat(100));
    expectRefusal(await client.readResponse(), malformed());
    await expectClosed(client);
  });

  test("P18 HTTP/1.2 is answered as HTTP/1.1", async () => {
    await using origin = await Origin.start({ answer: OK_ANSWER });
    await using client = await connectRaw(proxy());
    await client.send(fill(line("GET http://{o}/ HTTP/1.2"), origin));
    expect((await client.readResponse()).startLine).toBe("HTTP/1.1 200 OK");
    expect(origin.requests[0]?.startLine).toBe("GET / HTTP/1.1");
  });

  test("P16 tabs inside a value and octets over 7F in it are passed on as they came", async () => {
    await using origin = await Origin.start({ answer: OK_ANSWER });
    await using client = await connectRaw(proxy());
    const all = Array.from({ length: 128 }, (_, index) => String.fromCharCode(128 + index)).join("");
    await client.send(fill(get(`X-A: a\t ${all}b`, "X-Empty:", "X-Blank: \t "), origin));
    expect((await client.readResponse()).status).toBe(200);
    expect(origin.requests[0]?.value("x-a")).toBe(`a\t ${all}b`);
    expect(origin.requests[0]?.value("x-empty")).toBe("");
    expect(origin.requests[0]?.value("x-blank")).toBe("");
  });

  test("P16 every character of a token is taken in a method and in a name", async () => {
    await using origin = await Origin.start({ answer: OK_ANSWER });
    await using client = await connectRaw(proxy());
    const token = "!#$%&'*+-.^_`|~09azAZ";
    await client.send(fill(`${token} http://{o}/ HTTP/1.1\r\nHost: {o}\r\n${token}: 1\r\n\r\n`, origin));
    expect((await client.readResponse()).status).toBe(200);
    expect(origin.requests[0]?.startLine).toBe(`${token} / HTTP/1.1`);
    expect(origin.requests[0]?.fields).toContainEqual([token, "1"]);
  });

  for (const method of ["get", "Get", "FOO", "MKCALENDAR", "M-SEARCH", "DELETE", "PATCH", "PUT"]) {
    test(`P39 method ${method} is passed on as it is`, async () => {
      await using origin = await Origin.start({ answer: OK_ANSWER });
      await using client = await connectRaw(proxy());
      await client.send(fill(line(`${method} http://{o}/x HTTP/1.1`), origin));
      expect((await client.readResponse()).status).toBe(200);
      expect(origin.requests[0]?.startLine).toBe(`${method} /x HTTP/1.1`);
    });
  }
});
