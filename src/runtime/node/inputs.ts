// Owns how long files and standard input are read, a part at a time.
import process from "node:process";
import type { Inputs } from "../runtime.ts";
import { builtin } from "./builtin.ts";

const PART_BYTES = 256 * 1024;

/** The inputs. */
export const systemInputs: Inputs = {
  readFile: (path) => builtin("node:fs").createReadStream(path, { highWaterMark: PART_BYTES }),
  readStdin: () => process.stdin as AsyncIterable<Uint8Array>,
};
