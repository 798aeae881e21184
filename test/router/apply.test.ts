// A plan that fails in the middle is undone from the back, and the conversation with the kernel bears hostile answers.
import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { Application } from "../../src/router/apply.ts";
import { type Netlink, NetlinkError, RouteNetlink } from "../../src/router/netlink.ts";
import type { Step } from "../../src/router/plan.ts";
import { formatRequest } from "../../src/router/requests.ts";
import { concat, type Request } from "../../src/router/rtnetlink.ts";

/** A request that a fake knows by its number. */
function request(number: number): Request {
  return { type: number, flags: 0, body: new Uint8Array() };
}

const STEPS: readonly Step[] = [1, 2, 3].map((number) => ({
  words: `step ${number}`,
  request: request(number),
  undo: request(-number),
}));

/** Refuses the requests of these numbers, as often as each is listed. */
function fakeNetlink(...refused: number[]): { readonly netlink: Netlink; readonly asked: number[] } {
  const asked: number[] = [];
  const netlink: Netlink = {
    change({ type }) {
      asked.push(type);
      const at = refused.indexOf(type);
      if (at < 0) return;
      refused.splice(at, 1);
      throw new NetlinkError("operation not permitted");
    },
    readState: () => ({ links: [], addresses: [], routes: [] }),
  };
  return { netlink, asked };
}

describe("Application", () => {
  test("does all steps in order, each told before", () => {
    const { netlink, asked } = fakeNetlink();
    const told: string[] = [];
    new Application(netlink, (line) => told.push(line)).run(STEPS);
    expect(asked).toEqual([1, 2, 3]);
    expect(told).toEqual(["step 1", "step 2", "step 3"]);
  });

  test("names the step that failed, and undoes those before it", () => {
    const { netlink, asked } = fakeNetlink(3);
    const application = new Application(netlink, () => {});
    expect(() => application.run(STEPS))
      .toThrow("Cannot step 3: operation not permitted; it takes the capability NET_ADMIN");
    expect(application.undo()).toEqual([]);
    expect(asked).toEqual([1, 2, 3, -2, -1]);
  });

  test("tries again what could not be undone before another was", () => {
    const { netlink, asked } = fakeNetlink(-3);
    const application = new Application(netlink, () => {});
    application.run(STEPS);
    expect(application.undo()).toEqual([]);
    expect(asked).toEqual([1, 2, 3, -3, -2, -1, -3]);
  });

  test("says what cannot be undone at all", () => {
    const { netlink } = fakeNetlink(-2, -2);
    const application = new Application(netlink, () => {});
    application.run(STEPS);
    expect(application.undo()).toEqual(["step 2: operation not permitted"]);
  });
});

/** A socket that gives these datagrams, then EAGAIN. */
function netlinkHearing(...datagrams: Uint8Array[]): RouteNetlink {
  return new RouteNetlink({
    send: (message) => message.length,
    receive: () => datagrams.shift() ?? -11,
    close: () => {},
  });
}

function answer(type: number, sequence: number, body: readonly number[], flags = 0): Uint8Array {
  return formatRequest({ type, flags, body: Uint8Array.from(body) }, sequence);
}

const HEADER = new Array<number>(16).fill(0);

describe("RouteNetlink", () => {
  test("takes the acknowledgement of its own request and no other", () => {
    const refusal = answer(2, 9, [0xff, 255, 255, 255, ...HEADER]);
    netlinkHearing(refusal, answer(2, 1, [0, 0, 0, 0, ...HEADER])).change(request(24));
  });

  const LINK = [0, 0, 1, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 8, 0, 3, 0, 97, 98, 99, 0];
  const [MULTI, INTERRUPTED, ACK_ATTRIBUTES] = [0x2, 0x10, 0x200];
  const DONE = [0, 0, 0, 0];
  const emptyDumps = [answer(3, 2, DONE, MULTI), answer(3, 3, DONE, MULTI)];

  test("gathers a listing from several datagrams of several messages, and passes over what answers another", () => {
    const [one, other] = [answer(16, 1, LINK, MULTI), answer(16, 9, LINK, MULTI)];
    const state = netlinkHearing(concat([one, other, one]), one, answer(3, 1, DONE, MULTI), ...emptyDumps).readState();
    expect(state.links.map(({ name, index }) => `${name} ${index}`)).toEqual(["abc 3", "abc 3", "abc 3"]);
  });

  test("asks again for a listing that was interrupted, wherever that is said, and keeps nothing of it", () => {
    for (const flagsOf of [[MULTI | INTERRUPTED, MULTI], [MULTI, MULTI | INTERRUPTED]] as const) {
      const [first, last] = flagsOf;
      const state = netlinkHearing(
        answer(16, 1, LINK, first),
        answer(3, 1, DONE, last),
        answer(16, 2, LINK, MULTI),
        answer(3, 2, DONE, MULTI),
        answer(3, 3, DONE, MULTI),
        answer(3, 4, DONE, MULTI),
      ).readState();
      expect(state.links.length).toBe(1);
    }
  });

  test("does not take a listing for whole that ends without its end, or in an error", () => {
    const part = answer(16, 1, LINK, MULTI);
    expect(() => netlinkHearing(part).readState()).toThrow("no answer of the kernel: not in time");
    const text = [8, 0, 1, 0, 98, 97, 100, 0];
    const end = answer(3, 1, [234, 255, 255, 255, ...text], MULTI | ACK_ATTRIBUTES);
    expect(() => netlinkHearing(part, end).readState()).toThrow(new NetlinkError("invalid argument (bad)"));
  });

  const failures: { name: string; datagrams: Uint8Array[]; expected: string }[] = [
    { name: "no answer", datagrams: [], expected: "no answer of the kernel: not in time" },
    { name: "EEXIST", datagrams: [answer(2, 1, [239, 255, 255, 255, ...HEADER])], expected: "already there" },
    {
      name: "ENETDOWN",
      datagrams: [answer(2, 1, [156, 255, 255, 255, ...HEADER])],
      expected: "network is down",
    },
    {
      name: "EINVAL with the kernel's words behind the request's header",
      datagrams: [
        answer(2, 1, [234, 255, 255, 255, 44, ...HEADER.slice(1), 8, 0, 1, 0, 98, 97, 100, 0], 0x100 | ACK_ATTRIBUTES),
      ],
      expected: "invalid argument (bad)",
    },
    {
      name: "EINVAL with the kernel's words behind the whole request",
      datagrams: [
        answer(
          2,
          1,
          [234, 255, 255, 255, 18, ...HEADER.slice(1), 1, 2, 0, 0, 8, 0, 1, 0, 98, 97, 100, 0],
          ACK_ATTRIBUTES,
        ),
      ],
      expected: "invalid argument (bad)",
    },
    {
      name: "a short datagram",
      datagrams: [new Uint8Array(3)],
      expected: "the kernel's answer cannot be read: a message ends within its header",
    },
    {
      name: "an error without a number",
      datagrams: [answer(2, 1, [1])],
      expected: "the kernel's answer cannot be read: error message of 1 octets",
    },
  ];
  for (const { name, datagrams, expected } of failures) {
    test(`fails with one line: ${name}`, () => {
      expect(() => netlinkHearing(...datagrams).change(request(24))).toThrow(new NetlinkError(expected));
    });
  }

  test("gives up a listing that never holds still, and an answer without end", () => {
    let sequence = 0;
    const restless = new RouteNetlink({
      send: () => ++sequence,
      receive: () => answer(3, sequence, [0, 0, 0, 0], 0x10),
      close: () => {},
    });
    expect(() => restless.readState()).toThrow("the tables changed each time they were read");
    const endless = new RouteNetlink({ send: () => 1, receive: () => answer(16, 99, []), close: () => {} });
    expect(() => endless.readState()).toThrow("no end of the kernel's answer");
  });

  test("reads hostile datagrams or throws NetlinkError", () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 4 }), (datagrams) => {
      const whole = datagrams.map((body) => answer(16 + body.length % 9, 1, [...body]));
      try {
        netlinkHearing(...whole).readState();
      } catch (error) {
        if (!(error instanceof NetlinkError)) throw error;
      }
    }));
  });
});
