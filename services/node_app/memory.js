// The memory of processes, which the service resets before each trial.

import { writeFileSync } from 'node:fs';

import * as libc from './libc.js';

// Gives back this process's free memory: V8's first, then that of the allocator below it.
export function giveBack() {
  globalThis.gc?.();
  libc.trimMemory();
}

export function resetPeak(pid) {
  try {
    // 5: the kernel's own "reset the peak resident set", proc_pid_clear_refs(5)
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    // The process is gone, or belongs to another user.
  }
}
