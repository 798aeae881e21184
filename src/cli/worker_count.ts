// Owns how many threads are worth having: the CPUs that this process may use, its container's limit included.
import type { Files } from "../runtime/runtime.ts";

const CGROUP_V2_LIMIT = "/sys/fs/cgroup/cpu.max";
const CGROUP_V1_QUOTA = "/sys/fs/cgroup/cpu/cpu.cfs_quota_us";
const CGROUP_V1_PERIOD = "/sys/fs/cgroup/cpu/cpu.cfs_period_us";

/** Counts the CPUs; at least 1. A limit of one and a half is two: the half is of use. */
export async function countWorkers(files: Files): Promise<number> {
  const cpus = Math.max(1, navigator.hardwareConcurrency);
  const limit = await readCgroupLimit(files);
  return limit === undefined ? cpus : Math.max(1, Math.min(cpus, Math.ceil(limit)));
}

/** The container's limit in CPUs, or undefined where there is none or it cannot be read. */
async function readCgroupLimit(files: Files): Promise<number | undefined> {
  try {
    const limit = await files.readText(CGROUP_V2_LIMIT);
    if (limit !== undefined) return parseQuota(...splitWords(limit));
    return parseQuota(await files.readText(CGROUP_V1_QUOTA), await files.readText(CGROUP_V1_PERIOD));
  } catch {
    return undefined;
  }
}

function splitWords(text: string): [string | undefined, string | undefined] {
  const [quota, period] = text.split(/\s+/);
  return [quota, period];
}

/** CPUs of a quota and a period in microseconds; undefined for "max" and -1, which are no limit. */
function parseQuota(quota: string | undefined, period: string | undefined): number | undefined {
  const cpus = Number(quota) / Number(period);
  return cpus > 0 ? cpus : undefined;
}
