// Owns reading the CPU clock of another process. Knows no trees and no names.
// Why FFI: /proc counts in ticks of 10 ms and forgets the threads that have ended, in schedstat; this clock does neither.
import { dlopen, FFIType, ptr } from "bun:ffi";

const libc = dlopen("libc.so.6", {
  clock_gettime: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
}).symbols;

const CPUCLOCK_SCHED = 2;
const time = new BigInt64Array(new ArrayBuffer(16));
const timeAddress = ptr(time);

/** Reads the CPU seconds of a process to the nanosecond, all its threads and ended ones included; undefined when it is gone. */
export function readCpuClock(pid: number): number | undefined {
  // clock_getcpuclockid(3) computes just this and asks the kernel only whether the process exists.
  if (libc.clock_gettime((~pid << 3) | CPUCLOCK_SCHED, timeAddress) !== 0) return undefined;
  return Number(time[0]) + Number(time[1]) / 1e9;
}
