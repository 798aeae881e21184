// Owns what differs between the two CPUs: numbers of the ELF supplements, page size, and where thread-local storage lies.

/** One CPU as the static link needs it. */
export interface Machine {
  readonly name: "x86_64" | "aarch64";
  /** e_machine. */
  readonly elfNumber: number;
  /** Debian's name for its tool chain and libraries. */
  readonly triplet: string;
  /** The largest page that a kernel for it may have: segments keep apart by this. */
  readonly pageBytes: number;
  /** The only relocations that a Bun executable has. */
  readonly relocations: {
    /** A 64-bit address plus addend, in data. */
    readonly absolute: number;
    /** A variable of libc that the executable holds the storage of. */
    readonly copy: number;
    readonly globalData: number;
    readonly jumpSlot: number;
  };
  /** Whether the addend counts in table slots too (AAELF64 §5.7.11), not in data alone (x86-64 psABI table 4.9). */
  readonly slotAddends: boolean;
  /**
   * Where the executable's own thread-local storage lies. Its code has the distances from the thread pointer built in:
   * on x86-64 the block of the executable ends there (variant II), on arm64 it begins 16 octets after it (variant I).
   */
  readonly tls: "ends at the thread pointer" | "begins after the thread pointer";
}

/** The CPUs that there are executables for. */
export const MACHINES: readonly Machine[] = [
  {
    name: "x86_64",
    elfNumber: 62,
    triplet: "x86_64-linux-gnu",
    pageBytes: 0x1000,
    relocations: { absolute: 1, copy: 5, globalData: 6, jumpSlot: 7 },
    slotAddends: false,
    tls: "ends at the thread pointer",
  },
  {
    name: "aarch64",
    elfNumber: 183,
    triplet: "aarch64-linux-gnu",
    pageBytes: 0x10000,
    relocations: { absolute: 257, copy: 1024, globalData: 1025, jumpSlot: 1026 },
    slotAddends: true,
    tls: "begins after the thread pointer",
  },
];

/** Finds the machine of an ELF file's number, or undefined where there is none. */
export function machineOf(elfNumber: number): Machine | undefined {
  return MACHINES.find((machine) => machine.elfNumber === elfNumber);
}
