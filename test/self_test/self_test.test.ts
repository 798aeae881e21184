// The self-test as whoever runs it sees it, from source; and that it fails, by a line that says where, when something does
// not work. The executable's own runs are in test/e2e/static.test.ts.
import { describe, expect, test } from "bun:test";
import { IpAddress } from "../../src/address/ip_address.ts";
import { encodeQuery, parseAnswer, RECORD_TYPE } from "../../src/dns/message.ts";
import type { Runtime, TestBed } from "../../src/runtime/runtime.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";
import { answerWithLoopback } from "../../src/self_test/loopback_answer.ts";
import { runSelfTest } from "../../src/self_test/self_test.ts";
import { runProgram } from "../support/run_program.ts";

const MAIN = new URL("../../src/main.ts", import.meta.url).pathname;
const system = await detectRuntime();

/** The runtime with another test bed, started as the program is. */
async function withBed(change: (bed: TestBed) => Partial<TestBed>): Promise<Runtime> {
  const { createTestBed } = await import("../../src/runtime/node/test_bed.ts");
  const { bunFfi } = await import("../../src/runtime/bun/ffi.ts");
  const bed = createTestBed([process.execPath, "--no-env-file", MAIN], bunFfi);
  return { ...system, openTestBed: () => Promise.resolve({ ...bed, ...change(bed) }) };
}

async function outcomeOf(runtime: Runtime): Promise<string> {
  const lines: string[] = [];
  const failure = await runSelfTest(runtime, (line) => void lines.push(line)).then(() => undefined, String);
  return failure ?? lines.join("\n");
}

describe("self-test", () => {
  test("passes here, step by step", async () => {
    const { code, stdout, stderr } = await runProgram([process.execPath, "--no-env-file", MAIN, "self-test"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = stdout.trimEnd().split("\n");
    expect(lines.at(-1)).toBe("self-test passed");
    expect(lines.filter((line) => !/^(ok: |skipped: |self-test passed$)/.test(line))).toEqual([]);
    expect(lines).toContain("ok: gets 4194304 octets back through a tunnel");
    expect(lines).toContain("ok: ends by SIGTERM with exit code 0");
  });

  const FAULTS: readonly { name: string; change: (bed: TestBed) => Partial<TestBed>; says: RegExp }[] = [
    {
      name: "the program can't be started",
      change: () => ({
        startSelf: () => ({ signal: () => {}, exited: Promise.reject(new Error("ENOENT")) }),
      }),
      says: /Self-test failed, cannot start itself: ENOENT$/,
    },
    {
      name: "the program ends at once",
      change: (bed) => ({ startSelf: (_args, onLine) => bed.startSelf(["run", "--no-such-flag"], onLine) }),
      says:
        /Self-test failed, cannot start itself: the proxy ended with exit code 2; the proxy's last line: .*no-such-flag/,
    },
    {
      name: "it relays in no thread",
      change: (bed) => ({
        startSelf: (args, onLine) => bed.startSelf([...args, "--engine", "portable"], onLine),
      }),
      says: /Self-test failed, cannot relay in a thread: the proxy chose the engine '(bun|portable)', not 'posix'/,
    },
    {
      name: "splice is refused",
      change: () => ({ trySplice: () => "splice fails: EPERM" }),
      says: /Self-test failed, cannot splice: splice fails: EPERM/,
    },
    {
      name: "names resolve to nothing",
      change: (bed) => ({
        answerUdp: (answer) =>
          bed.answerUdp((query) => {
            const reply = answer(query);
            reply?.set([0x83], 3); // NXDOMAIN
            return reply;
          }),
      }),
      says: /Self-test failed, cannot reach a name by DNS: the proxy answered 'HTTP\/1\.1 50\d /,
    },
    {
      name: "the proxy ends by another exit code",
      change: (bed) => ({
        startSelf: (args, onLine) => {
          const child = bed.startSelf(args, onLine);
          return { signal: () => child.signal("SIGKILL"), exited: child.exited };
        },
      }),
      says: /Self-test failed, cannot end by SIGTERM: the proxy ended with exit code -1/,
    },
  ];
  for (const { name, change, says } of FAULTS) {
    test(`fails where ${name}`, async () => {
      expect(await outcomeOf(await withBed(change))).toMatch(says);
    });
  }
});

describe("answerWithLoopback()", () => {
  const query = (type: 1 | 28) => encodeQuery("www.example.com", type, 4711, true)!;

  test("gives 127.0.0.1 for a name, as a resolver reads it", () => {
    const asked = query(RECORD_TYPE.A);
    expect(parseAnswer(asked, answerWithLoopback(asked.bytes)!)).toEqual({
      kind: "addresses",
      addresses: [IpAddress.fromBytes(Uint8Array.of(127, 0, 0, 1))],
      ttlSeconds: 60,
    });
  });

  test("gives no address by IPv6", () => {
    const asked = query(RECORD_TYPE.AAAA);
    expect(parseAnswer(asked, answerWithLoopback(asked.bytes)!)).toEqual({ kind: "none", reason: "no data" });
  });

  test("does not answer what is cut, at any octet", () => {
    const { bytes } = encodeQuery("www.example.com", RECORD_TYPE.A, 1, false)!;
    for (let length = 0; length < bytes.length; length++) {
      expect({ length, answer: answerWithLoopback(bytes.subarray(0, length)) }).toEqual({ length, answer: undefined });
    }
  });
});
