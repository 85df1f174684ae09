// The memory of processes, as the service begins each trial anew.

import { writeFileSync } from 'node:fs';

import * as libc from './libc.js';

// Gives back what is free in this process: by V8's own account first, then by that of the allocator below it.
export function giveBack() {
  globalThis.gc?.();
  libc.trimMemory();
}

export function resetPeak(pid) {
  try {
    // 5: the kernel's own "reset the peak resident set", proc_pid_clear_refs(5)
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    // It is gone, or another's.
  }
}
