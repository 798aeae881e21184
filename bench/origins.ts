// Owns the origins that all peers are measured against: nginx or our own for small answers, our own for echo, bulk and bodies.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram, firstLineOf } from "./peers/program.ts";
import type { ProcessGroup } from "./process_group.ts";
import { findFreePort, waitForPort } from "./ports.ts";

/** The ports of the origins, all on 127.0.0.1. */
export interface Origins {
  /** Answers every GET with a small body. */
  readonly small: number;
  readonly echo: number;
  readonly bulk: number;
  readonly bodies: number;
  /** What answers at `small`, for the report. */
  readonly smallText: string;
}

/** Starts the origins. */
export async function startOrigins(group: ProcessGroup): Promise<Origins> {
  const own = group.start([process.execPath, join(import.meta.dir, "load/origin.ts")], "pipe");
  const line = await own.readLine();
  if (line === undefined) throw new Error(`Cannot start the origin: ${own.stderrText()}`);
  const ports = JSON.parse(line) as { echo: number; bulk: number; bodies: number };
  const program = findProgram("nginx");
  if (program === undefined) {
    return {
      ...ports,
      small: ports.bodies,
      smallText: "the benchmark's own origin, 64 bytes (nginx is not installed)",
    };
  }
  const small = findFreePort();
  const folder = join(group.folder, "origin");
  mkdirSync(folder);
  const conf = `daemon off;
pid ${join(folder, "pid")};
error_log ${join(folder, "error.log")};
worker_processes 1;
events { worker_connections 9000; }
http {
  access_log off;
  keepalive_requests 1000000000;
  server {
    listen 127.0.0.1:${small} backlog=8192;
    location / { return 200 "${"x".repeat(64)}"; }
  }
}
`;
  writeFileSync(join(folder, "nginx.conf"), conf);
  group.start([program, "-c", join(folder, "nginx.conf")], "ignore");
  await waitForPort(small, 5_000);
  return { ...ports, small, smallText: `${firstLineOf([program, "-v"])}, one worker, 64 bytes` };
}
