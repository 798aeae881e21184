// Tests the proxy's own answers, and that no origin can pass one of its own off as the proxy's.
import { describe, expect, test } from "bun:test";
import { ProxyError } from "../../src/errors.ts";
import { formatRefusal, stripOwnProxyStatus } from "../../src/proxy/refusal.ts";

const options = { close: false, minorVersion: 1, head: false, epochMs: 0 } as const;

function text(error: ProxyError, changes: Partial<typeof options> | Record<string, unknown> = {}): string {
  return new TextDecoder().decode(formatRefusal(error, { ...options, ...changes }));
}

describe("formatRefusal()", () => {
  const denied = new ProxyError("http_request_denied", 'a.test: denied by "rule" \\ 2');

  test("says status, code and why in the header and in one line of text", () => {
    expect(text(denied)).toBe(
      "HTTP/1.1 403 Forbidden\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n" +
        'Proxy-Status: egress-http-proxy; error=http_request_denied; details="a.test: denied by \\"rule\\" \\\\ 2"\r\n' +
        "Cache-Control: no-store\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 29\r\n\r\n" +
        'a.test: denied by "rule" \\ 2\n',
    );
  });

  test("leaves the body of a HEAD out, not its length", () => {
    expect(text(denied, { head: true })).toEndWith("Content-Length: 29\r\n\r\n");
  });

  test("says close, and keep-alive where HTTP/1.0 has to hear it", () => {
    expect(text(denied, { close: true })).toContain("\r\nConnection: close\r\n");
    expect(text(denied, { minorVersion: 0 })).toContain("\r\nConnection: keep-alive\r\n");
    expect(text(denied)).not.toContain("Connection:");
  });

  test("P17 lets no line break or control character of the details through", () => {
    const answer = text(new ProxyError("dns_error", "a\r\nSet-Cookie: b\u0000\u00e9"));
    expect(answer).toContain('details="a??Set-Cookie: b??"');
    expect(answer).not.toContain("\nSet-Cookie");
  });

  test("says when to come back where there are too many connections", () => {
    expect(text(new ProxyError("connection_limit_reached", "full"))).toMatch(
      /^HTTP\/1\.1 503 .*\r\nRetry-After: 1\r\n/s,
    );
  });
});

describe("stripOwnProxyStatus()", () => {
  const cases: readonly { readonly name: string; readonly input: string; readonly expected: string | undefined }[] = [
    { name: "another proxy's", input: "other; error=dns_error", expected: "other; error=dns_error" },
    { name: "a member of our name", input: "egress-http-proxy; error=dns_error", expected: undefined },
    { name: "in capitals", input: "Egress-HTTP-Proxy", expected: undefined },
    { name: "as a string", input: '"egress-http-proxy"; error=x', expected: undefined },
    { name: "of our name and a blank", input: "egress-http-proxy ;e=1", expected: undefined },
    { name: "a longer name", input: "egress-http-proxy-2; error=x", expected: "egress-http-proxy-2; error=x" },
    { name: "a name under ours", input: "egress-http-proxy.b; e=x", expected: "egress-http-proxy.b; e=x" },
    { name: "a longer name as a string", input: '"egress-http-proxy2"', expected: '"egress-http-proxy2"' },
    { name: "between two others", input: "a, egress-http-proxy;e=1 ,b", expected: "a, b" },
    {
      name: "a comma in a string",
      input: 'a; details="x, egress-http-proxy"',
      expected: 'a; details="x, egress-http-proxy"',
    },
    { name: "an escaped quote", input: 'a; d="\\", ", egress-http-proxy', expected: 'a; d="\\", "' },
    { name: "an unterminated string", input: 'a; d="x, egress-http-proxy', expected: 'a; d="x, egress-http-proxy' },
    { name: "nothing", input: "", expected: undefined },
  ];
  for (const { name, input, expected } of cases) {
    test(`A22 ${name}`, () => expect(stripOwnProxyStatus(input)).toBe(expected));
  }
});
