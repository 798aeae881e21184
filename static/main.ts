// Owns the command of the static link: bun static/main.ts INPUT OUTPUT.
import { chmod } from "node:fs/promises";
import { checkBunVersion, readApplication } from "./application.ts";
import { parseElf } from "./elf.ts";
import { makeStatic } from "./make_static.ts";
import { LinkRefusal } from "./refusal.ts";
import { findToolChain } from "./tool_chain.ts";

async function main([input, output, ...others]: readonly string[]): Promise<number> {
  if (input === undefined || output === undefined || others.length > 0) {
    console.error("Usage: bun static/main.ts INPUT OUTPUT");
    return 2;
  }
  try {
    const bytes = await Bun.file(input).bytes();
    const application = readApplication(parseElf(bytes, input));
    const version = checkBunVersion(application);
    const { file, bound, nameCount, buildId } = await makeStatic(bytes, input, findToolChain(application.machine));
    await Bun.write(output, file);
    await chmod(output, 0o755);
    console.log(
      `${output}: Bun ${version} with glibc linked in: ${bound.inFile} slots bound in the file, ${bound.atStart} at start, ` +
        `${nameCount} names for dlsym, absent: ${bound.absent.join(" ") || "none"}, build id ${buildId ?? "none"}`,
    );
    return 0;
  } catch (error) {
    if (!(error instanceof LinkRefusal) && (error as { code?: unknown }).code === undefined) throw error;
    console.error(`static/main.ts: ${(error as Error).message}`);
    return 1;
  }
}

process.exitCode = await main(Bun.argv.slice(2));
