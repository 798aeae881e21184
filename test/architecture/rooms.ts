// Owns the map of the house: which room may import which, and which packages. The checks beside it hold the tree to it.

/** The rooms below src/ and what each may import. A room is a folder, or one of the files in ROOM_FILES. */
export const ROOMS: Readonly<
  Record<string, { readonly rooms: readonly string[]; readonly packages: readonly string[] }>
> = {
  errors: { rooms: [], packages: [] },
  limits: { rooms: [], packages: [] },
  contract: { rooms: ["address"], packages: [] },
  address: { rooms: ["errors", "limits"], packages: ["ipaddr.js"] },
  policy: { rooms: ["address", "errors", "limits"], packages: [] },
  http1: { rooms: ["errors", "limits"], packages: [] },
  dns: { rooms: ["address", "errors", "limits", "contract"], packages: [] },
  observe: { rooms: ["address", "errors", "limits", "contract"], packages: ["@logtape/logtape"] },
  proxy: { rooms: ["address", "policy", "http1", "dns", "observe", "errors", "limits", "contract"], packages: [] },
  plane: {
    rooms: ["address", "policy", "dns", "observe", "proxy", "errors", "limits", "contract"],
    packages: [],
  },
  explain: { rooms: ["address", "policy", "dns", "errors"], packages: [] },
  admin: {
    rooms: ["address", "policy", "dns", "observe", "explain", "errors", "contract"],
    packages: ["prom-client"],
  },
  router: { rooms: ["address", "errors", "limits", "contract"], packages: [] },
  manifest: { rooms: ["address"], packages: ["yaml"] },
  suggest: { rooms: ["address", "errors"], packages: ["tldts"] },
  self_test: { rooms: ["address", "dns", "errors", "contract"], packages: [] },
  cli: {
    rooms: [
      "suggest",
      "explain",
      "admin",
      "address",
      "policy",
      "dns",
      "observe",
      "proxy",
      "plane",
      "router",
      "manifest",
      "self_test",
      "errors",
      "limits",
      "contract",
      "version",
    ],
    packages: ["commander"],
  },
  adapters: { rooms: ["address", "errors", "limits", "contract"], packages: [] },
  main: { rooms: ["adapters", "cli", "plane", "contract"], packages: [] },
};

/** Files that are rooms of their own. */
const ROOM_FILES: Readonly<Record<string, string>> = {
  "src/errors.ts": "errors",
  "src/limits.ts": "limits",
  "src/main.ts": "main",
  "src/worker.ts": "main",
  "src/runtime/detect.ts": "adapters",
  "package.json": "version",
};

/** The room of a path, or undefined where the map has no such room. */
export function roomOf(path: string): string | undefined {
  const file = ROOM_FILES[path];
  if (file !== undefined) return file;
  const [top, folder, rest, deeper] = path.split("/");
  if (top !== "src" || folder === undefined || rest === undefined) return undefined;
  // A file of the contract stands in src/runtime/ itself, an adapter in a folder of its own.
  if (folder === "runtime") return deeper === undefined ? "contract" : "adapters";
  return folder in ROOMS ? folder : undefined;
}

/** Whether a file is of the core: everything but the adapters, main.ts and worker.ts. */
export function isCore(path: string): boolean {
  const room = roomOf(path);
  return room !== "adapters" && room !== "main";
}
