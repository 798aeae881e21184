// The bill of materials: what it names, and that the same facts give the same octets.
import { describe, expect, test } from "bun:test";
import { formatSbom, readGlibcBanner, type SbomFacts } from "../../static/sbom.ts";

const FACTS: SbomFacts = {
  version: "1.2.3",
  license: "Apache-2.0",
  target: "x86_64",
  executableSha256: "ab".repeat(32),
  created: new Date(1_700_000_000_500),
  bunVersion: "1.4.5",
  glibc: { version: "2.36", banner: "GNU C Library (Debian GLIBC 2.36-9+deb12u14)" },
  packages: [
    { name: "@logtape/logtape", version: "2.4.2", integrity: "sha512-AAEC", license: "MIT" },
    { name: "bare", version: "1.0.0", integrity: undefined, license: undefined },
  ],
};

describe("readGlibcBanner()", () => {
  const table = [
    {
      text: "..GNU C Library (Debian GLIBC 2.36-9+deb12u14) stable release version 2.36.\nCopy",
      expected: { version: "2.36", banner: "GNU C Library (Debian GLIBC 2.36-9+deb12u14)" },
    },
    {
      text: "GNU C Library (GNU libc) stable release version 2.41.",
      expected: { version: "2.41", banner: "GNU C Library (GNU libc)" },
    },
    { text: "GNU C Library (cut", expected: undefined },
    { text: "musl libc", expected: undefined },
  ];
  for (const { text, expected } of table) {
    test(`reads ${JSON.stringify(text)}`, () => {
      expect(readGlibcBanner(new TextEncoder().encode(text))).toEqual(expected);
    });
  }
});

describe("formatSbom()", () => {
  const bill = JSON.parse(formatSbom(FACTS));

  test("is the same for the same facts", () => {
    expect(formatSbom({ ...FACTS })).toBe(formatSbom(FACTS));
    expect(bill.creationInfo.created).toBe("2023-11-14T22:13:20Z");
  });

  test("names the executable by its checksum, and everything in it with its version", () => {
    const [own, ...others] = bill.packages;
    expect(own).toMatchObject({
      name: "egress-http-proxy",
      versionInfo: "1.2.3",
      checksums: [{ algorithm: "SHA256", checksumValue: "ab".repeat(32) }],
    });
    expect(others.map((one: Record<string, unknown>) => [one.name, one.versionInfo, one.licenseDeclared])).toEqual([
      ["Bun", "1.4.5", "MIT"],
      ["glibc", "2.36", "LGPL-2.1-or-later"],
      ["@logtape/logtape", "2.4.2", "MIT"],
      ["bare", "1.0.0", "NOASSERTION"],
    ]);
    expect(others[1].comment).toContain("2.36-9+deb12u14");
    expect(others[2].checksums).toEqual([{ algorithm: "SHA512", checksumValue: "000102" }]);
    expect(others[2].externalRefs[0].referenceLocator).toBe("pkg:npm/%40logtape/logtape@2.4.2");
  });

  test("relates each package once, glibc as linked in", () => {
    const ids: string[] = bill.packages.map((one: { SPDXID: string }) => one.SPDXID);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => !/^SPDXRef-[A-Za-z0-9.-]+$/.test(id))).toEqual([]);
    const related = bill.relationships.map((one: Record<string, string>) => one.relatedSpdxElement);
    expect(related.sort()).toEqual([...ids].sort());
    expect(bill.relationships[2]).toMatchObject({ relationshipType: "STATIC_LINK" });
  });

  test("names no glibc in the dynamic form", () => {
    const names = JSON.parse(formatSbom({ ...FACTS, glibc: undefined })).packages.map((one: { name: string }) =>
      one.name
    );
    expect(names).not.toContain("glibc");
  });
});
