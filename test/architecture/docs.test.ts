// Holds the documents to the tables of the program.
import { expect, test } from "bun:test";
import { fillDocuments } from "../../scripts/write_docs.ts";

for (const { path, text, filled } of await fillDocuments()) {
  test(`${path} has what the program's own tables say (else: npm run docs)`, () => expect(text).toBe(filled));
}
