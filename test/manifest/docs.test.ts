// Each command of the pages on deployment is one that the program takes, and what they say of its output is so.
import { expect, test } from "bun:test";
import { Glob } from "bun";
import { makeManifest, parseManifest } from "./cases.ts";

const DOCS = new URL("../../docs", import.meta.url).pathname;

interface DocumentedCommand {
  readonly page: string;
  readonly line: string;
  readonly args: readonly string[];
}

async function findCommands(): Promise<DocumentedCommand[]> {
  const found: DocumentedCommand[] = [];
  for (const page of [...new Glob("deploy*.md").scanSync({ cwd: DOCS })].sort()) {
    const text = (await Bun.file(`${DOCS}/${page}`).text()).replaceAll(/\\\n\s*/g, "");
    for (const [line, words = ""] of text.matchAll(/^egress-http-proxy manifest ([^|\n]*)\|.*$/gm)) {
      found.push({ page, line, args: words.trim().split(/ +/) });
    }
  }
  return found;
}

const COMMANDS = await findCommands();

test("there is a command for each network, on its own page", () => {
  const pages = COMMANDS.map(({ page, args }) => [page, args[args.indexOf("--network") + 1]]);
  expect(pages.toSorted()).toEqual(
    ["egressip", "multus", "none", "openshift-sdn"].map((network) => [`deploy-${network}.md`, network]),
  );
});

for (const { page, line, args } of COMMANDS) {
  test(`${page}: ${line.slice(0, 60)}… is one that works, and finds the names that the page speaks of`, async () => {
    const { code, stderr, stdout } = await makeManifest(args);
    expect([code, stderr]).toEqual([0, ""]);
    const names = new Set(parseManifest(stdout).map(({ kind, metadata }) => `${kind.toLowerCase()} ${metadata.name}`));
    const text = await Bun.file(`${DOCS}/${page}`).text();
    const spoken = [...text.matchAll(/(?:pod|deployment|egressip)[/ ](?:[a-z]+-)*egress-http-proxy\b/g)];
    const wanted = spoken.map(([words]) => words.replace("/", " "));
    expect(wanted.length).toBeGreaterThan(0);
    expect(wanted.filter((one) => !names.has(one))).toEqual([]);
  });
}
