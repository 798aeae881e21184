// Owns which names of one registrable domain become one wildcard, where the reader asked for that. Never wider than the
// domain, never over a name that the log shows closed.
import type { HostTally } from "./tally.ts";

/** A line of rule text and the names that it stands for. */
export interface NameCover {
  readonly text: string;
  readonly hosts: readonly HostTally[];
}

interface Node {
  readonly zone: string;
  readonly children: Map<string, Node>;
  own: HostTally | undefined;
}

/**
 * Covers names at or under `domain`: as they are, save that a zone with at least `least` of them, of which no wildcard
 * further down has taken any, becomes `*.zone`, the narrowest zones first. `mayOpen` says of a zone whether nothing under
 * it is closed. 0 for no wildcards at all.
 */
export function coverNames(
  hosts: readonly HostTally[],
  domain: string,
  least: number,
  mayOpen: (zone: string) => boolean,
): NameCover[] {
  const sorted = [...hosts].sort((one, other) => compareNames(one.host, other.host));
  if (least === 0 || sorted.length < least) return sorted.map((tally) => ({ text: tally.host, hosts: [tally] }));
  const root: Node = { zone: domain, children: new Map(), own: undefined };
  for (const tally of sorted) insert(root, tally);
  return visit(root, least, mayOpen);
}

function insert(root: Node, tally: HostTally): void {
  let node = root;
  const labels = tally.host.slice(0, -root.zone.length).split(".").filter((label) => label !== "");
  for (const label of labels.reverse()) {
    let child = node.children.get(label);
    if (child === undefined) {
      child = { zone: `${label}.${node.zone}`, children: new Map(), own: undefined };
      node.children.set(label, child);
    }
    node = child;
  }
  node.own = tally;
}

function visit(node: Node, least: number, mayOpen: (zone: string) => boolean): NameCover[] {
  const covers: NameCover[] = node.own === undefined ? [] : [{ text: node.own.host, hosts: [node.own] }];
  for (const child of node.children.values()) covers.push(...visit(child, least, mayOpen));
  const loose = covers.filter(({ text }) => !text.startsWith("*"));
  if (loose.length < least || !mayOpen(node.zone)) return covers;
  return [{ text: `*.${node.zone}`, hosts: covers.flatMap(({ hosts }) => hosts) }];
}

/** By label from the right, so that names of one zone stand together. */
export function compareNames(one: string, other: string): number {
  const [a, b] = [one.split(".").reverse().join("\0"), other.split(".").reverse().join("\0")];
  return a < b ? -1 : a > b ? 1 : 0;
}
