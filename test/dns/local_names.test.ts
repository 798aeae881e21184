import { describe, expect, test } from "bun:test";
import type { Answer } from "../../src/dns/answer.ts";
import { LocalNames } from "../../src/dns/local_names.ts";
import { FakeClock, FakeFiles, server } from "./fake_parts.ts";

describe("LocalNames.lookup()", () => {
  const hosts = "192.0.2.1 db.test\n192.0.2.9 db.localhost\n127.0.0.1 ip4-loopback";
  const cases: readonly { name: string; hosts: string; input: string; expected: string }[] = [
    { name: "finds a name of the file", hosts, input: "db.test", expected: "192.0.2.1" },
    { name: "does not find a name under it", hosts, input: "www.db.test", expected: "none" },
    { name: "knows localhost without an entry", hosts, input: "localhost", expected: "127.0.0.1 ::1" },
    { name: "knows names under localhost without an entry", hosts, input: "a.b.localhost", expected: "127.0.0.1 ::1" },
    { name: "prefers an entry under localhost", hosts, input: "db.localhost", expected: "192.0.2.9" },
    { name: "prefers an entry of localhost", hosts: "127.0.0.1 localhost", input: "localhost", expected: "127.0.0.1" },
    { name: "takes notlocalhost for another name", hosts, input: "notlocalhost", expected: "none" },
    { name: "takes localhost.test for another name", hosts, input: "localhost.test", expected: "none" },
    { name: "knows localhost without a file", hosts: "", input: "localhost", expected: "127.0.0.1 ::1" },
    { name: "knows no properties of objects", hosts, input: "constructor", expected: "none" },
  ];
  for (const { name, hosts, input, expected } of cases) {
    test(name, async () => {
      const local = await LocalNames.open(new FakeFiles({ "/etc/hosts": hosts }), new FakeClock(), undefined);
      expect(format(local.lookup(input))).toBe(expected);
    });
  }
});

describe("LocalNames.refresh()", () => {
  test("looks at the files once a second at most, and reads what has changed alone", async () => {
    const files = new FakeFiles({ "/etc/hosts": "192.0.2.1 a", "/etc/resolv.conf": "nameserver 192.0.2.53" });
    const clock = new FakeClock();
    const local = await LocalNames.open(files, clock, undefined);
    const servers = local.servers;
    files.calls.length = 0;
    files.write("/etc/hosts", "192.0.2.2 a");

    clock.timeMs += 999;
    expect(local.refresh()).toBeUndefined();
    expect(files.calls).toEqual([]);
    clock.timeMs += 1;
    const refreshing = local.refresh();
    expect(refreshing).toBeDefined();
    expect(local.refresh()).toBe(refreshing!);
    await refreshing;
    expect(local.refresh()).toBeUndefined();
    expect(files.calls.toSorted()).toEqual(["read /etc/hosts", "stamp /etc/hosts", "stamp /etc/resolv.conf"]);
    expect(format(local.lookup("a"))).toBe("192.0.2.2");
    expect(local.servers).toBe(servers);
  });

  test("notices a file that comes and one that goes", async () => {
    const files = new FakeFiles({ "/etc/hosts": "192.0.2.1 a" });
    const clock = new FakeClock();
    const local = await LocalNames.open(files, clock, undefined);
    expect(local.servers.servers.map(({ address }) => address.text)).toEqual(["127.0.0.1"]);
    files.remove("/etc/hosts");
    files.write("/etc/resolv.conf", "nameserver 192.0.2.53");
    clock.timeMs += 1_000;
    await local.refresh();
    expect(local.lookup("a")).toBeUndefined();
    expect(local.servers.servers.map(({ address }) => address.text)).toEqual(["192.0.2.53"]);
  });

  test("keeps what a file held while it can't be read, and reads it once it can", async () => {
    const files = new FakeFiles({ "/etc/hosts": "192.0.2.1 a" });
    const clock = new FakeClock();
    const local = await LocalNames.open(files, clock, undefined);
    files.write("/etc/hosts", "192.0.2.2 a");
    files.broken.add("/etc/hosts");
    clock.timeMs += 1_000;
    await local.refresh();
    expect(format(local.lookup("a"))).toBe("192.0.2.1");
    expect(local.readFailureCount).toBe(1);
    files.broken.clear();
    clock.timeMs += 1_000;
    await local.refresh();
    expect(format(local.lookup("a"))).toBe("192.0.2.2");
    expect(local.readFailureCount).toBe(1);
  });
});

describe("LocalNames.open()", () => {
  test("says which file can't be read and why", () => {
    const files = new FakeFiles({ "/etc/hosts": "192.0.2.1 a" });
    files.broken.add("/etc/hosts");
    expect(LocalNames.open(files, new FakeClock(), undefined)).rejects.toThrow(
      'Cannot read "/etc/hosts": EACCES: permission denied',
    );
  });

  test("does not touch resolv.conf where servers are given", async () => {
    const files = new FakeFiles({ "/etc/hosts": "192.0.2.1 a", "/etc/resolv.conf": "nameserver 192.0.2.53" });
    files.broken.add("/etc/resolv.conf");
    const given = { servers: [server("192.0.2.7")], attemptTimeoutMs: 1, attempts: 1, rotate: false };
    const clock = new FakeClock();
    const local = await LocalNames.open(files, clock, given);
    clock.timeMs += 1_000;
    await local.refresh();
    expect(local.servers).toBe(given);
    expect(files.calls).toEqual(["stamp /etc/hosts", "read /etc/hosts", "stamp /etc/hosts"]);
  });
});

function format(answer: Answer | undefined): string {
  return answer?.kind === "addresses" ? answer.addresses.join(" ") : "none";
}
