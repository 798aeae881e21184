// Holds README.md to the tables of the program.
import { expect, test } from "bun:test";
import { fillDocs } from "../../scripts/write_docs.ts";

test("README.md has the commands, settings and errors of the program (else: npm run docs)", async () => {
  const readme = await Bun.file(new URL("../../README.md", import.meta.url)).text();
  expect(readme).toBe(fillDocs(readme));
});
