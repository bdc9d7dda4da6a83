import { readFileSync } from "node:fs";
import path from "node:path";

/** Resident memory of a process in MB, which does not depend on the size of its pages; zero where /proc does not tell. */
export function residentMb(pid: number | undefined, proc = "/proc"): number {
  try {
    const status = readFileSync(path.join(proc, String(pid), "status"), "utf8");
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** Whether onnxruntime or Node failed with this message because there was no memory to be had. */
export function isOutOfMemory(message: string): boolean {
  return /bad_alloc|failed to allocate memory|allocation failed/i.test(message);
}
