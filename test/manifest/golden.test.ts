// Holds the command to the manifests in golden/. After a change that is meant:
//   UPDATE_GOLDEN=1 npx bun test test/manifest/golden.test.ts
import { expect, test } from "bun:test";
import { Glob } from "bun";
import { GOLDEN_CASES, goldenArgs, makeManifest } from "./cases.ts";

const FOLDER = new URL("golden/", import.meta.url);

for (const golden of GOLDEN_CASES) {
  test(`manifest prints golden/${golden.name}.yaml (else: UPDATE_GOLDEN=1)`, async () => {
    const made = await makeManifest(goldenArgs(golden));
    expect({ code: made.code, stderr: made.stderr }).toEqual({ code: 0, stderr: "" });
    const file = Bun.file(new URL(`${golden.name}.yaml`, FOLDER));
    if (Bun.env.UPDATE_GOLDEN === "1") await Bun.write(file, made.stdout);
    expect(made.stdout).toBe(await file.text());
  });
}

test("every file in golden/ has its case", () => {
  const files = [...new Glob("*").scanSync({ cwd: FOLDER.pathname })].sort();
  expect(files).toEqual(GOLDEN_CASES.map(({ name }) => `${name}.yaml`).sort());
});
