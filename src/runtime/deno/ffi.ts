// Owns calling C under Deno. Knows no function in particular.
import type { Ffi, NativeFunctions, NativeMemory, NativeSignature, NativeType } from "../ffi.ts";

const TYPES = { i32: "i32", u32: "u32", address: "usize" } as const satisfies Record<NativeType, Deno.NativeType>;

/** Calls C through Deno.dlopen, which needs --allow-ffi. */
export const denoFfi: Ffi = {
  open<T extends Readonly<Record<string, NativeSignature>>>(libraryNames: readonly string[], signatures: T) {
    const symbols = Object.fromEntries(
      Object.entries(signatures).map(([name, { args, returns }]) => [
        name,
        { parameters: args.map((type) => TYPES[type]), result: TYPES[returns] },
      ]),
    );
    for (const libraryName of libraryNames) {
      try {
        return Deno.dlopen(libraryName, symbols).symbols as unknown as NativeFunctions<T>;
      } catch {
        // The next name, or no permission.
      }
    }
    return undefined;
  },
  allocate(sizeBytes: number): NativeMemory {
    const bytes = new Uint8Array(new ArrayBuffer(sizeBytes));
    return { bytes, address: Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes))) };
  },
  readInt32(address: number): number {
    const pointer = Deno.UnsafePointer.create(BigInt(address));
    return pointer === null ? 0 : new Deno.UnsafePointerView(pointer).getInt32();
  },
};
