// Owns the text of the bill of materials, as SPDX 2.3 in JSON. Reads nothing but what it is given.

/** One npm package that the executable holds. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** As in package-lock.json: an algorithm, a hyphen, the hash in base64. */
  readonly integrity: string | undefined;
  readonly license: string | undefined;
}

/** glibc as its own banner names it. */
export interface Glibc {
  /** The upstream version ("2.36"). */
  readonly version: string;
  /** The whole name with the distribution's own version. */
  readonly banner: string;
}

/** All that the bill says. */
export interface SbomFacts {
  readonly version: string;
  readonly license: string;
  readonly target: string;
  readonly executableSha256: string;
  readonly created: Date;
  readonly bunVersion: string;
  /** What is linked in; undefined for the dynamic form, which has it beside it. */
  readonly glibc: Glibc | undefined;
  readonly packages: readonly BundledPackage[];
}

/** Finds glibc's banner in its archive or library; undefined where there is none. */
export function readGlibcBanner(bytes: Uint8Array): Glibc | undefined {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = all.indexOf("GNU C Library (");
  if (at < 0) return undefined;
  const match = /^(GNU C Library \([^()]*\)) [^.]*version (\d+\.\d+)/.exec(all.toString("latin1", at, at + 200));
  if (match === null) return undefined;
  const [, banner = "", version = ""] = match;
  return { banner, version };
}

/** Formats the bill. The same facts give the same octets. */
export function formatSbom(facts: SbomFacts): string {
  const { version, license, target, executableSha256, created, bunVersion, glibc, packages } = facts;
  const bundled = [
    {
      ...describe("Bun", "bun", bunVersion, "MIT", `pkg:npm/bun@${bunVersion}`),
      comment: "The runtime, with what it is built from; JavaScriptCore is under LGPL-2.0-or-later.",
    },
    ...glibc === undefined ? [] : [{
      ...describe("glibc", "glibc", glibc.version, "LGPL-2.1-or-later", `pkg:generic/glibc@${glibc.version}`),
      comment: `Statically linked: ${glibc.banner}`,
    }],
    ...packages.map(({ name, version, integrity, license }) => ({
      ...describe(name, `npm-${name}`, version, license ?? "NOASSERTION", npmUrl(name, version)),
      ...integrity?.startsWith("sha512-")
        ? {
          checksums: [{
            algorithm: "SHA512",
            checksumValue: Buffer.from(integrity.slice(7), "base64").toString("hex"),
          }],
        }
        : {},
    })),
  ];
  const main = {
    ...describe("egress-http-proxy", "egress-http-proxy", version, license, `pkg:generic/egress-http-proxy@${version}`),
    packageFileName: "egress-http-proxy",
    checksums: [{ algorithm: "SHA256", checksumValue: executableSha256 }],
    comment: `For Linux on ${target}, ${glibc === undefined ? "dynamically linked to glibc" : "statically linked"}.`,
    primaryPackagePurpose: "APPLICATION",
  };
  const document = {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: `egress-http-proxy-${version}-${target}`,
    documentNamespace: `https://spdx.org/spdxdocs/egress-http-proxy-${version}-${executableSha256}`,
    creationInfo: {
      created: created.toISOString().replace(/\.\d+Z$/, "Z"),
      creators: [`Tool: egress-http-proxy-compile-${version}`],
    },
    packages: [main, ...bundled],
    relationships: [
      { spdxElementId: "SPDXRef-DOCUMENT", relationshipType: "DESCRIBES", relatedSpdxElement: main.SPDXID },
      ...bundled.map(({ SPDXID }) => {
        const isLinked = SPDXID === "SPDXRef-glibc";
        const relationshipType = isLinked ? "STATIC_LINK" : "CONTAINS";
        return { spdxElementId: main.SPDXID, relationshipType, relatedSpdxElement: SPDXID };
      }),
    ],
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

function describe(name: string, id: string, version: string, license: string, url: string) {
  return {
    name,
    SPDXID: `SPDXRef-${id.replace(/[^A-Za-z0-9.-]+/g, "-")}`,
    versionInfo: version,
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    licenseConcluded: "NOASSERTION",
    licenseDeclared: license,
    copyrightText: "NOASSERTION",
    externalRefs: [{ referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: url }],
  };
}

/** A package URL; the at sign of a scope is written by its number. */
function npmUrl(name: string, version: string): string {
  return `pkg:npm/${name.replace(/^@/, "%40")}@${version}`;
}
