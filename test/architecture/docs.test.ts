// Holds the documents to the tables of the program, and their links to what is there.
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { fillDocuments } from "../../scripts/write_docs.ts";

for (const { path, text, filled } of await fillDocuments()) {
  test(`${path} has what the program's own tables say (else: npm run docs)`, () => expect(text).toBe(filled));
}

test("every link of the pages to this repository leads to a file", async () => {
  const root = new URL("../../", import.meta.url);
  const pages = ["*.md", "docs/*.md", "bench/*.md"]
    .flatMap((pattern) => [...new Bun.Glob(pattern).scanSync({ cwd: root.pathname })]);
  expect(pages.length).toBeGreaterThan(5);
  const broken: string[] = [];
  for (const page of pages) {
    const text = await Bun.file(new URL(page, root)).text();
    for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:|^#/.test(target)) continue;
      if (!existsSync(new URL(target.replace(/#.*/, ""), new URL(page, root)))) broken.push(`${page}: ${target}`);
    }
  }
  expect(broken).toEqual([]);
});
