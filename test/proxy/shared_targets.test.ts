// What tunnels to one place share, and that it is bounded.
import { describe, expect, test } from "bun:test";
import { IpAddress } from "../../src/address/ip_address.ts";
import { parseAuthorityForm } from "../../src/address/target.ts";
import { SharedTargets } from "../../src/proxy/shared_targets.ts";

describe("SharedTargets", () => {
  test("share() returns the first of equal targets, and keeps apart those that differ", () => {
    const shared = new SharedTargets();
    const first = shared.share(parseAuthorityForm("A.example:443"));
    expect(shared.share(parseAuthorityForm("a.example:443"))).toBe(first);
    for (const other of ["a.example:444", "b.example:443", "[::1]:443", "10.0.0.1:443"]) {
      const target = parseAuthorityForm(other);
      expect(shared.share(target)).toBe(target);
    }
  });

  test("shareAddress() returns the first of equal addresses, and keeps apart those that differ", () => {
    const shared = new SharedTargets();
    const at = (text: string, port: number) => ({ address: IpAddress.parse(text) as IpAddress, port });
    const first = shared.shareAddress(at("192.0.2.1", 443));
    expect(shared.shareAddress(at("192.0.2.1", 443))).toBe(first);
    for (const other of [at("192.0.2.1", 444), at("192.0.2.2", 443), at("2001:db8::1", 443)]) {
      expect(shared.shareAddress(other)).toBe(other);
    }
  });

  test("remembers no more than the last 1,024 of each, whatever comes", () => {
    const shared = new SharedTargets();
    const first = shared.share(parseAuthorityForm("n0.example:443"));
    for (let n = 1; n < 1024; n++) shared.share(parseAuthorityForm(`n${n}.example:443`));
    expect(shared.share(parseAuthorityForm("n0.example:443"))).toBe(first);
    shared.share(parseAuthorityForm("n1024.example:443"));
    expect(shared.share(parseAuthorityForm("n0.example:443"))).not.toBe(first);
  });
});
