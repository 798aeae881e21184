// Owns a port on loopback where a dial neither succeeds nor fails.
import { connect, type Socket } from "node:net";
import { ChildScript } from "./child_script.ts";
import type { EngineKit } from "./engine_kit.ts";

const BATCH = 64;
const MAX_FILLERS = 1024;

/** A stopped listener whose queue is full. */
export class StalledServer {
  readonly port: number;
  readonly #child: ChildScript;
  readonly #fillers: Socket[];

  private constructor(port: number, child: ChildScript, fillers: Socket[]) {
    this.port = port;
    this.#child = child;
    this.#fillers = fillers;
  }

  static async start(kit: EngineKit): Promise<StalledServer> {
    const child = new ChildScript("stalled_listener.ts", []);
    const fillers: Socket[] = [];
    const [, port] = await child.until(/port (\d+)\n/);
    const server = new StalledServer(Number(port), child, fillers);
    while (!fillers.some((filler) => filler.connecting) && fillers.length < MAX_FILLERS) {
      for (let i = 0; i < BATCH; i++) {
        const filler = connect({ host: "127.0.0.1", port: server.port });
        filler.on("error", () => {});
        fillers.push(filler);
      }
      await kit.turns();
    }
    return server;
  }

  close(): void {
    for (const filler of this.#fillers) filler.destroy();
    this.#child.kill();
  }
}
