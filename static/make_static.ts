// Owns the order of the static link: read, write assembler, link, bind, lay out, name anew.
import { readApplication } from "./application.ts";
import { tableNames } from "./assembly.ts";
import { bind, type Bound, readLinkedSymbols } from "./bind.ts";
import { renewBuildId } from "./build_id.ts";
import { parseElf } from "./elf.ts";
import { Image } from "./image.ts";
import { layOut } from "./layout.ts";
import { listExports, readArchiveNames } from "./libc_exports.ts";
import { appendSections } from "./sections.ts";
import { linkLibc, type ToolChain } from "./tool_chain.ts";

/** A static executable, and what there is to say of it. */
export interface StaticExecutable {
  readonly file: Uint8Array;
  readonly bound: Bound;
  /** How many names dlsym() answers. */
  readonly nameCount: number;
  readonly buildId: string | undefined;
}

/** Makes a static executable of a dynamic one, whose bytes it keeps for itself. Throws LinkRefusal. */
export async function makeStatic(bytes: Uint8Array, what: string, toolChain: ToolChain): Promise<StaticExecutable> {
  const application = readApplication(parseElf(bytes, what));
  const library = parseElf(await Bun.file(toolChain.library).bytes(), toolChain.library);
  const archiveNames = readArchiveNames(await Bun.file(toolChain.archive).bytes(), toolChain.archive);
  const names = tableNames(application.wanted, listExports(library, archiveNames));
  const libc = parseElf(await linkLibc(toolChain, application, names), "the linked libc");
  const symbols = readLinkedSymbols(libc);
  const bound = bind(application, libc, symbols, names);
  const image = new Image(bytes);
  const layout = layOut(application, libc, symbols, image);
  appendSections(application, libc, layout, image);
  const file = image.join();
  const buildId = renewBuildId(file, layout.segments);
  return { file, bound, nameCount: names.length, buildId };
}
