// Owns reading the network of a namespace as one text that can be compared.
import { mustRun } from "../support/run_program.ts";

/** Links up and down, IPv4 addresses and all IPv4 routes of a namespace; what a change of carrier alone moves is left out. */
export async function readNetworkState(namespace: string): Promise<string> {
  const read = async (...args: readonly string[]) =>
    (await mustRun(["ip", "-netns", namespace, ...args])).stdout.replaceAll(/ (linkdown|dead)\b/g, "");
  const links = await read("-o", "link");
  const up = [...links.matchAll(/^[0-9]+: ([a-z0-9]+)(?:@\S+)?: <(.*?)>/gm)].map(([, link, flags]) =>
    `${link} ${flags?.split(",").includes("UP") ? "up" : "down"}`
  );
  const addresses = (await read("-4", "-o", "addr")).replaceAll(/\\ +/g, " ");
  const routes = await read("-4", "-d", "route", "show", "table", "all");
  return [...up, ...`${addresses}${routes}`.split("\n").map((line) => line.trim()).filter(Boolean).sort()].join("\n");
}
