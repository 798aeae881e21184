// Owns running the containers of the pod of a RouterWorld: out of the image's root file system, with the privileges of an
// init container or of the proxy, and with their variables. Knows nothing of what they are asked to do.
import { mkdir, mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { startChild } from "../support/child_process.ts";
import { Proxy } from "../support/launcher.ts";
import { LogLines } from "../support/log_lines.ts";
import { compiled, linuxRoot, program, working } from "../support/requirements.ts";
import { type Finished, runProgram } from "../support/run_program.ts";
import type { RouterWorld } from "./router_world.ts";

const ROOTFS = new URL("../../dist/rootfs", import.meta.url).pathname;
const ENTER = new URL("enter_rootfs.sh", import.meta.url).pathname;
const UNSHARE = ["unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child"];

/** A container: its variables as "NAME=VALUE", its arguments, and a folder that it has mounted somewhere. */
export interface Container {
  readonly env: readonly string[];
  readonly args?: readonly string[];
  readonly volume?: { readonly folder: string; readonly path: string };
}

/** Says why a pod can't be run here; undefined where it can. */
export async function findPodObstacle(): Promise<string | undefined> {
  return await compiled() ?? linuxRoot() ??
    program("ip", "unshare", "setpriv", "chroot", "curl", "python3")() ??
    working([...UNSHARE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], "mounts in a namespace of its own")() ??
    working(
      ["unshare", "--net", "sh", "-c", "ip link add a0 type veth && ip link add link a0 name m0 type macvlan"],
      "network namespaces with macvlan",
    )();
}

/** The pod's containers, each started when asked for. Its end stops the proxy. */
export class PodContainers implements AsyncDisposable {
  readonly #world: RouterWorld;
  /** A folder that is there while the containers are. */
  readonly folder: string;
  #proxy: Proxy | undefined;

  private constructor(world: RouterWorld, folder: string) {
    this.#world = world;
    this.folder = folder;
  }

  static async prepare(world: RouterWorld): Promise<PodContainers> {
    const folder = await realpath(await mkdtemp(`${tmpdir()}/router-pod-`));
    await mkdir(`${folder}/root`);
    return new PodContainers(world, folder);
  }

  /** Runs a container as root with NET_ADMIN and NET_RAW, to its end. */
  runAsRouter(container: Container): Promise<Finished> {
    return runProgram(this.#command(container, "--router"));
  }

  /** Runs a container as the proxy is run, to its end. */
  runAsProxy(container: Container): Promise<Finished> {
    return runProgram(this.#command(container));
  }

  /** Starts the proxy, and resolves once it listens. One at a time. */
  async startProxy(container: Container): Promise<Proxy> {
    const lines = new LogLines();
    const child = startChild(this.#command(container), {}, lines);
    let pid = 0;
    // The child is what made its namespaces; a signal is for the program in them.
    const signal = (name: NodeJS.Signals) => {
      process.kill(pid > 0 ? pid : child.pid ?? process.pid, name);
    };
    const proxy = new Proxy({ ...child, signal }, lines);
    this.#proxy = proxy;
    await proxy.ready();
    pid = Number((await readFile(`/proc/${child.pid}/task/${child.pid}/children`, "latin1")).trim());
    if (!(pid > 0)) throw new Error(`Wanted one child of process ${child.pid}`);
    return proxy;
  }

  #command({ env, args = [], volume }: Container, ...options: readonly string[]): string[] {
    const mounts = volume === undefined ? [] : ["--volume", volume.folder, volume.path];
    const enter = ["sh", ENTER, ...options, ...mounts, ROOTFS, `${this.folder}/root`, ...args];
    return ["env", "-i", `PATH=${process.env.PATH ?? ""}`, ...env, ...this.#world.on("pod", ...UNSHARE, ...enter)];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxy?.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}
