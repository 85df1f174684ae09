// The CPU cores that this service may use, and how long they were idle.

import * as fs from 'node:fs';

const TICKS_PER_S = 100; // the ticks that Linux shows to programs (USER_HZ), the same on every common processor
const [IDLE, IOWAIT, STEAL] = [4, 5, 8]; // columns of a core's line (proc_stat(5)), after its name

export function cores() {
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)[1];
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, n) => first + n);
  });
}

// How long these cores were idle, summed over the cores. CPU steal time counts as idle.
export function freeSeconds(allowed) {
  const names = new Set(allowed.map((core) => `cpu${core}`));
  const rows = fs
    .readFileSync('/proc/stat', 'utf8')
    .split('\n')
    .map((line) => line.split(/ +/))
    .filter(([name]) => names.has(name));
  const ticks = rows.reduce((sum, row) => sum + Number(row[IDLE]) + Number(row[IOWAIT]) + Number(row[STEAL]), 0);
  return ticks / TICKS_PER_S;
}
