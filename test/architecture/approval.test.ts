// Holds two invariants of the data path that types carry: only what was judged is dialled, and connect() takes no name.
// The lines marked @ts-expect-error are checked by `tsc`: it fails where one of them would compile.
import { expect, test } from "bun:test";
import { IpAddress } from "../../src/address/ip_address.ts";
import { type Approval, assertApproval } from "../../src/proxy/admit.ts";
import type { ConnectionId, Engine } from "../../src/runtime/runtime.ts";

const ADDRESS = IpAddress.fromBytes(Uint8Array.of(192, 0, 2, 1));

test("an Approval cannot be written by hand", () => {
  // @ts-expect-error: a class with a private field is matched by its own instances alone
  const forged: Approval = { address: ADDRESS, port: 80 };
  expect(() => assertApproval(forged)).toThrow("refused to dial what was not judged");
});

test("an Approval cannot be had by a cast", () => {
  const cast = { address: ADDRESS, port: 80 } as unknown as Approval;
  expect(() => assertApproval(cast)).toThrow("refused to dial what was not judged");
});

test("connect() takes an address value and no text", () => {
  const engine: Pick<Engine, "connect"> = { connect: (address, port): ConnectionId => address.bytes.length + port };
  const dialByText = () => {
    // @ts-expect-error: text could be a name, and a name would be resolved a second time
    engine.connect("192.0.2.1", 80);
  };
  expect(dialByText).toThrow(TypeError);
  expect(engine.connect(ADDRESS, 80)).toBe(84);
});
