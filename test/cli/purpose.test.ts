// What is made of a call before its command line is read.
import { describe, expect, test } from "bun:test";
import { willProbablyServe } from "../../src/cli/purpose.ts";

describe("willProbablyServe()", () => {
  const table: readonly { args: string[]; env?: Record<string, string>; expected: boolean }[] = [
    { args: [], expected: true },
    { args: ["run"], expected: true },
    { args: ["--listen", ":1"], expected: true },
    { args: ["run", "--listen=:1"], expected: true },
    { args: ["run", "--engine", "posix"], expected: true },
    { args: ["--help"], expected: false },
    { args: ["-h"], expected: false },
    { args: ["--version"], expected: false },
    { args: ["-V"], expected: false },
    { args: ["run", "--help"], expected: false },
    { args: ["help"], expected: false },
    { args: ["check", "--destination", "*"], expected: false },
    { args: ["setup-network"], expected: false },
    { args: ["--engine", "portable"], expected: false },
    { args: ["--engine=portable"], expected: false },
    { args: [], env: { EGRESS_HTTP_PROXY_ENGINE: "portable" }, expected: false },
    { args: [], env: { EGRESS_HTTP_PROXY_ENGINE: "posix" }, expected: true },
    { args: [], env: { EGRESS_HTTP_PROXY_MODE: "unit-test" }, expected: false },
    { args: [], env: { EGRESS_ROUTER_MODE: "http-proxy" }, expected: false },
    { args: ["run"], env: { EGRESS_ROUTER_MODE: "http-proxy" }, expected: true },
  ];
  for (const { args, env = {}, expected } of table) {
    test(`says ${expected} of ${JSON.stringify(args)} ${JSON.stringify(env)}`, () => {
      expect(willProbablyServe({ args, env })).toBe(expected);
    });
  }
});
