// Owns an address and port on loopback that takes no connection and refuses none: a listener that never accepts, its
// queue filled, so that the kernel drops what further connections send. Linux with glibc or musl.
import { dlopen, FFIType, ptr } from "bun:ffi";
import { connect, type Socket } from "node:net";
import { within } from "./deadline.ts";

const AF_INET = 2;
const SOCK_STREAM = 1;

/** A running one. */
export interface Blackhole extends AsyncDisposable {
  readonly port: number;
}

/** Starts one on an IPv4 address. */
export async function startBlackhole(address: string): Promise<Blackhole> {
  const libc = dlopen("libc.so.6", {
    socket: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    bind: { args: [FFIType.i32, FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
    listen: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    getsockname: { args: [FFIType.i32, FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
    close: { args: [FFIType.i32], returns: FFIType.i32 },
  });
  const descriptor = libc.symbols.socket(AF_INET, SOCK_STREAM, 0);
  // Explicit buffers: a small typed array may be moved while C holds a pointer to it.
  const name = new Uint8Array(new ArrayBuffer(16));
  const length = new Uint32Array(new ArrayBuffer(4));
  name.set([AF_INET, 0, 0, 0, ...address.split(".").map(Number)]);
  length[0] = name.length;
  const bound = libc.symbols.bind(descriptor, ptr(name), name.length) === 0 &&
    libc.symbols.listen(descriptor, 0) === 0 &&
    libc.symbols.getsockname(descriptor, ptr(name), ptr(length)) === 0;
  if (!bound) throw new Error(`Cannot listen on ${address} without accepting`);
  const port = (name[2] ?? 0) << 8 | (name[3] ?? 0);
  const fillers: Socket[] = [];
  // The first one is queued; the others find the queue full or wait in it, and further ones are dropped.
  for (let count = 0; count < 4; count++) {
    const filler = connect({ host: address, port });
    filler.on("error", () => {});
    fillers.push(filler);
  }
  await within(
    "the listener's queue to fill",
    new Promise<void>((resolve) => fillers[0]?.once("connect", () => resolve())),
  );
  return {
    port,
    [Symbol.asyncDispose]() {
      for (const filler of fillers) filler.destroy();
      libc.symbols.close(descriptor);
      libc.close();
      return Promise.resolve();
    },
  };
}
