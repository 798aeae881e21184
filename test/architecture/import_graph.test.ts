// Holds src/ to the map of rooms: who imports whom, what the core may name, and that no way leads round the judgement.
import { describe, expect, test } from "bun:test";
import { Glob } from "bun";
import { isCore, roomOf, ROOMS } from "./rooms.ts";
import { lineAt, parseSource, type Source } from "./source_text.ts";

const ROOT = new URL("../..", import.meta.url);
const MAX_LINES = 400;

const sources: Source[] = [];
for (const path of [...new Glob("src/**/*.ts").scanSync({ cwd: ROOT.pathname })].sort()) {
  sources.push(parseSource(path, await Bun.file(new URL(path, ROOT)).text()));
}

/** The path that a relative specifier leads to, or undefined for a package or a runtime's module. */
function resolve(source: Source, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return new URL(specifier, new URL(source.path, "file:///")).pathname.slice(1);
}

/** Every place where a pattern occurs in the code of some files, as `path:line: text`. */
function places(pattern: RegExp, files: readonly Source[]): string[] {
  return files.flatMap(({ path, text, code }) =>
    [...code.matchAll(new RegExp(pattern, "g"))].map((match) => {
      const line = lineAt(text, match.index);
      return `${path}:${line}: ${(text.split("\n")[line - 1] ?? "").trim()}`;
    })
  );
}

function inRooms(...rooms: readonly string[]): Source[] {
  return sources.filter(({ path }) => rooms.includes(roomOf(path) ?? ""));
}

const core = sources.filter(({ path }) => isCore(path));

describe("the rooms of src/", () => {
  test("every file is in a room of the map", () => {
    expect(sources.length).toBeGreaterThan(0);
    expect(sources.filter(({ path }) => roomOf(path) === undefined).map(({ path }) => path)).toEqual([]);
  });

  test("each room imports only what the map lets it", () => {
    const faults: string[] = [];
    for (const source of sources) {
      const room = roomOf(source.path) ?? "";
      const allowed = ROOMS[room];
      if (allowed === undefined) continue;
      for (const { specifier, line } of source.imports) {
        const path = resolve(source, specifier);
        const isRuntimeModule = /^(node|bun|jsr|npm|https?):|^bun$/.test(specifier);
        // What an adapter may name is checked below.
        if (path === undefined && isRuntimeModule && !isCore(source.path)) continue;
        const other = path === undefined ? specifier : roomOf(path) ?? path;
        const list = path === undefined ? allowed.packages : allowed.rooms;
        if (other !== room && !list.includes(other)) faults.push(`${source.path}:${line}: ${room} imports ${other}`);
      }
    }
    expect(faults).toEqual([]);
  });

  test("every relative import names an existing file with its suffix", () => {
    const known = new Set([...sources.map(({ path }) => path), "package.json"]);
    const faults = sources.flatMap((source) =>
      source.imports.map(({ specifier }) => resolve(source, specifier))
        .filter((path) => path !== undefined && !known.has(path))
        .map((path) => `${source.path}: ${path}`)
    );
    expect(faults).toEqual([]);
  });

  test("no cycle leads from a room back to it", () => {
    const edges = new Map<string, Set<string>>();
    for (const source of sources) {
      const room = roomOf(source.path) ?? "";
      for (const { specifier } of source.imports) {
        const path = resolve(source, specifier);
        const other = path === undefined ? undefined : roomOf(path);
        if (other === undefined || other === room) continue;
        edges.set(room, (edges.get(room) ?? new Set()).add(other));
      }
    }
    expect(findCycle(edges)).toBeUndefined();
  });

  test("no file is longer than one subject needs", () => {
    const long = sources.map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }))
      .filter(({ lines }) => lines > MAX_LINES);
    expect(long).toEqual([]);
  });

  test("every file says at its top what it owns", () => {
    const silent = sources.filter(({ text }) => !/^(#!.*\n)?(\/\/ \S|\/\*)/.test(text));
    expect(silent.map(({ path }) => path)).toEqual([]);
  });
});

describe("the core", () => {
  test("names no runtime", () => {
    expect(places(/(?<![.\w])(Bun|Deno|process|Buffer|__dirname|require)\b(?=\s*[.([])/, core)).toEqual([]);
    expect(places(/\bglobalThis\s*(\.|\[)/, core)).toEqual([]);
  });

  test("imports no runtime's module", () => {
    const faults = core.flatMap(({ path, imports }) =>
      imports.filter(({ specifier }) => /^(node|bun|jsr|npm|https?):|^bun$/.test(specifier))
        .map(({ specifier, line }) => `${path}:${line}: ${specifier}`)
    );
    expect(faults).toEqual([]);
  });

  test("reaches adapters by no import, main.ts by their detect file alone, a thread by its own few", () => {
    const faults = sources.filter(({ path }) => roomOf(path) !== "adapters").flatMap((source) =>
      source.imports.map(({ specifier }) => resolve(source, specifier) ?? "")
        .filter((path) => roomOf(path) === "adapters")
        .filter((path) => !(source.path === "src/main.ts" && path === "src/runtime/detect.ts"))
        .filter((path) =>
          !(source.path === "src/worker.ts" && /^src\/runtime\/(posix\/thread_side|\w+\/ffi)\.ts$/.test(path))
        )
        .map((path) => `${source.path}: ${path}`)
    );
    expect(faults).toEqual([]);
  });
});

describe("the data path", () => {
  test("never calls fetch(), which resolves again, follows redirects and obeys HTTP_PROXY", () => {
    expect(places(/\bfetch\s*\(/, inRooms("proxy", "http1", "dns", "policy", "address", "adapters"))).toEqual([]);
  });

  test("policy and address see no time, promise or socket", () => {
    const pattern = /\b(async|await|Promise|setTimeout|setInterval|queueMicrotask|Date|performance|AbortSignal)\b/;
    expect(places(pattern, inRooms("policy", "address", "http1"))).toEqual([]);
  });

  test("only admit.ts makes an Approval", () => {
    const elsewhere = sources.filter(({ path }) => path !== "src/proxy/admit.ts");
    expect(places(/\bnew\s+Approval\b|\bas\s+(unknown\s+as\s+)?Approval\b|<Approval>\s*[{(]/, elsewhere)).toEqual([]);
    // The class itself stays inside: what leaves the file is its type.
    const admit = sources.filter(({ path }) => path === "src/proxy/admit.ts");
    expect(places(/\bexport\s+(abstract\s+)?class\s+Approval\b|\bexport\s*\{[^}]*\bApproval\b/, admit)).toEqual([]);
  });

  test("connect() is called in dial.ts alone", () => {
    const elsewhere = inRooms("proxy", "cli", "observe", "policy", "http1").filter(({ path }) =>
      path !== "src/proxy/dial.ts"
    );
    expect(places(/\bconnect\s*\(/, elsewhere)).toEqual([]);
  });
});

/** A cycle among rooms as the path that closes it, or undefined. */
function findCycle(edges: ReadonlyMap<string, ReadonlySet<string>>): string | undefined {
  const done = new Set<string>();
  const visit = (room: string, path: readonly string[]): string | undefined => {
    const start = path.indexOf(room);
    if (start >= 0) return [...path.slice(start), room].join(" → ");
    if (done.has(room)) return undefined;
    for (const next of edges.get(room) ?? []) {
      const cycle = visit(next, [...path, room]);
      if (cycle !== undefined) return cycle;
    }
    done.add(room);
    return undefined;
  };
  for (const room of edges.keys()) {
    const cycle = visit(room, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
