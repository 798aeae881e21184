// Owns the contract for calling C functions. Names no runtime and no library; bun/ and deno/ implement it.

/** What a C function takes and returns: 32-bit integers, or an address as a number (below 2^53 on every platform here). */
export type NativeType = "i32" | "u32" | "address";

/** The signature of one function. A function without a result of interest returns "i32" all the same. */
export interface NativeSignature {
  readonly args: readonly NativeType[];
  readonly returns: NativeType;
}

/** Functions by name, all taking and returning numbers. */
export type NativeFunctions<T extends Readonly<Record<string, NativeSignature>>> = {
  readonly [K in keyof T]: (...args: number[]) => number;
};

/** Memory that C may be given the address of. It stays where it is for as long as this object is held. */
export interface NativeMemory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly address: number;
}

/** Calls into C libraries. The one place where addresses are made: nobody else keeps or computes one from a typed array. */
export interface Ffi {
  /** Binds functions of the first library of these names that opens; undefined where none does or calling C is not possible. */
  open<T extends Readonly<Record<string, NativeSignature>>>(
    libraryNames: readonly string[],
    signatures: T,
  ): NativeFunctions<T> | undefined;
  /** Allocates zeroed memory. */
  allocate(sizeBytes: number): NativeMemory;
  /** Reads a 32-bit integer at an address that C gave. */
  readInt32(address: number): number;
}
