// Owns calling C under Bun. Knows no function in particular.
import { dlopen, FFIType, type Pointer, ptr, read } from "bun:ffi";
import type { Ffi, NativeFunctions, NativeMemory, NativeSignature, NativeType } from "../ffi.ts";

const TYPES: Readonly<Record<NativeType, FFIType>> = { i32: FFIType.i32, u32: FFIType.u32, address: FFIType.ptr };

/** Calls C through bun:ffi, which needs the just-in-time compiler. */
export const bunFfi: Ffi = {
  open<T extends Readonly<Record<string, NativeSignature>>>(libraryNames: readonly string[], signatures: T) {
    const symbols = Object.fromEntries(
      Object.entries(signatures).map(([name, { args, returns }]) => [
        name,
        { args: args.map((type) => TYPES[type]), returns: TYPES[returns] },
      ]),
    );
    for (const libraryName of libraryNames) {
      try {
        return dlopen(libraryName, symbols).symbols as unknown as NativeFunctions<T>;
      } catch {
        // The next name.
      }
    }
    return undefined;
  },
  allocate(sizeBytes: number): NativeMemory {
    // JavaScriptCore moves the storage of small typed arrays; that of an explicit ArrayBuffer stays (seen in 1.4.5).
    const bytes = new Uint8Array(new ArrayBuffer(sizeBytes));
    return { bytes, address: ptr(bytes) };
  },
  readInt32(address: number): number {
    return read.i32(address as Pointer, 0);
  },
};
