import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseResolvConf } from "../../src/dns/resolv_conf.ts";

interface Expected {
  readonly servers?: readonly string[];
  readonly timeoutMs?: number;
  readonly attempts?: number;
  readonly rotate?: boolean;
}

const KUBERNETES = `search ns.svc.cluster.local svc.cluster.local cluster.local
nameserver 10.96.0.10
options ndots:5
`;

describe("parseResolvConf()", () => {
  const cases: readonly { name: string; input: string; expected: Expected }[] = [
    { name: "asks this machine when nothing is said", input: "", expected: {} },
    {
      name: "takes the file of a pod without its search list",
      input: KUBERNETES,
      expected: { servers: ["10.96.0.10"] },
    },
    {
      name: "keeps the order of servers",
      input: "nameserver 192.0.2.2\nnameserver 2001:db8::53\nnameserver 192.0.2.1",
      expected: { servers: ["192.0.2.2", "2001:db8::53", "192.0.2.1"] },
    },
    {
      name: "takes three servers and no fourth",
      input: [1, 2, 3, 4].map((n) => `nameserver 192.0.2.${n}`).join("\n"),
      expected: { servers: ["192.0.2.1", "192.0.2.2", "192.0.2.3"] },
    },
    {
      name: "skips servers that are no plain address without counting them",
      input:
        "nameserver fe80::1%eth0\nnameserver 010.0.0.1\nnameserver 127.1\nnameserver\nnameserver ns.test\nnameserver 192.0.2.1",
      expected: { servers: ["192.0.2.1"] },
    },
    {
      name: "asks this machine when no server is usable",
      input: "nameserver fe80::1%eth0",
      expected: { servers: ["127.0.0.1"] },
    },
    {
      name: "passes over what follows an address",
      input: "nameserver 192.0.2.1 # first",
      expected: { servers: ["192.0.2.1"] },
    },
    {
      name: "skips comments and unknown words",
      input: "# nameserver 192.0.2.1\n;nameserver 192.0.2.2\nsortlist 1\nNAMESERVER 192.0.2.3",
      expected: {},
    },
    {
      name: "reads CR LF, tabs and leading blanks",
      input: " \tnameserver\t192.0.2.1\r\noptions\trotate\r\n",
      expected: { servers: ["192.0.2.1"], rotate: true },
    },
    {
      name: "takes timeout, attempts and rotate",
      input: "options timeout:1 attempts:3 rotate",
      expected: { timeoutMs: 1_000, attempts: 3, rotate: true },
    },
    {
      name: "adds up several lines of options, the last word winning",
      input: "options timeout:1 attempts:1\noptions timeout:4",
      expected: { timeoutMs: 4_000, attempts: 1 },
    },
    {
      name: "holds timeout and attempts at their least",
      input: "options timeout:0 attempts:0",
      expected: { timeoutMs: 1_000, attempts: 1 },
    },
    {
      name: "takes the most of both",
      input: "options timeout:30 attempts:5",
      expected: { timeoutMs: 30_000, attempts: 5 },
    },
    {
      name: "holds both at their most",
      input: "options timeout:31 attempts:6",
      expected: { timeoutMs: 30_000, attempts: 5 },
    },
    {
      name: "passes over options without a number",
      input: "options timeout: timeout:-1 timeout:1e3 attempts:x attempts rotated",
      expected: {},
    },
    { name: "passes over numbers of any length", input: `options timeout:${"9".repeat(400)}`, expected: {} },
  ];
  for (const { name, input, expected } of cases) {
    test(name, () => {
      const { servers, attemptTimeoutMs, attempts, rotate } = parseResolvConf(input);
      expect({
        servers: servers.map((each) => `${each.address.text} ${each.port}`),
        attemptTimeoutMs,
        attempts,
        rotate,
      }).toEqual({
        servers: (expected.servers ?? ["127.0.0.1"]).map((address) => `${address} 53`),
        attemptTimeoutMs: expected.timeoutMs ?? 2_000,
        attempts: expected.attempts ?? 2,
        rotate: expected.rotate ?? false,
      });
    });
  }

  test("gives usable settings for any text", () => {
    const words = fc.constantFrom(
      "nameserver",
      "options",
      "timeout:",
      "attempts:",
      "rotate",
      "1",
      "99",
      "::1",
      "%",
      " ",
      "\t",
      "\n",
      "\r",
      "\0",
      "#",
    );
    fc.assert(fc.property(fc.array(words, { maxLength: 40 }), (parts) => {
      const { servers, attemptTimeoutMs, attempts } = parseResolvConf(parts.join(""));
      expect(servers.length >= 1 && servers.length <= 3).toBe(true);
      expect(attemptTimeoutMs >= 1_000 && attemptTimeoutMs <= 30_000).toBe(true);
      expect(attempts >= 1 && attempts <= 5).toBe(true);
    }));
  });
});
