// The service's own count of its requests, and of the CPU, memory and disk it took.
//
// Each process that serves requests keeps four counts in a small file of its own, mapped into memory. The process that
// is asked adds up all files. So the figures are those of the service, with any number of processes, and no busy process
// has to respond. Requests for /health, /info and /usage are the harness's own and are not counted.

import cluster from 'node:cluster';
import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import * as cores from './cores.js';
import * as libc from './libc.js';
import { giveBack, resetPeak } from './memory.js';
import { pathOf } from './paths.js';
import { settings } from './settings.js';
import { giveBackAll } from './siblings.js';

const [STARTED, COMPLETED, IN_FLIGHT, PEAK_IN_FLIGHT] = [0, 1, 2, 3];
const SIZE = 4 * Float64Array.BYTES_PER_ELEMENT;
const UNCOUNTED = new Set(['/health', '/info', '/usage', '/usage/reset']);

// The process that was started first: a worker's parent, if there are workers.
const first = cluster.isWorker ? process.ppid : process.pid;
const folder = settings.stateDir || path.join(os.tmpdir(), `waitbench-${first}`);
const maps = new Map();
let own = new Float64Array(4);

// Makes this process keep its counts where the others find them.
export function open() {
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, String(process.pid)), Buffer.alloc(SIZE));
  own = counts(process.pid);
}

// A handler that counts requests, from its call until the response is sent or the client is gone.
export function counted(handler) {
  return (request, response) => {
    if (!UNCOUNTED.has(pathOf(request.url))) {
      begin();
      response.on('close', end);
    }
    handler(request, response);
  };
}

function begin() {
  own[STARTED]++;
  own[IN_FLIGHT]++;
  if (own[IN_FLIGHT] > own[PEAK_IN_FLIGHT]) {
    own[PEAK_IN_FLIGHT] = own[IN_FLIGHT];
  }
}

function end() {
  own[COMPLETED]++;
  own[IN_FLIGHT]--;
}

// The live processes that serve requests. The counts of dead ones stay.
export function workerPids() {
  return pids().filter((pid) => fs.existsSync(`/proc/${pid}`));
}

// Every live process of the service.
export function processes() {
  return [...new Set([first, ...workerPids()])];
}

// The requests and the resources of this service so far, over all its processes.
//
// - `cpu_s`: user and system time, in seconds.
// - `rss_bytes`: the sum of the resident sets, so pages that processes share count once for each.
// - `peak_rss_bytes` and `peak_in_flight`: since the last reset.
// - `disk_read_bytes` and `disk_written_bytes`: bytes that reached the disk, not those found or left in memory.
// - `cores_free_s`: how long the `cores` that the service may use were idle. Their busy time beyond `cpu_s` was not
//   this service's.
export function usage() {
  const every = pids().map(counts);
  const living = processes();
  const allowed = cores.cores();
  const memory = living.map(memoryOf);
  const disk = living.map(diskOf);
  return {
    monotonic_s: Number(process.hrtime.bigint()) / 1e9,
    requests_started: sum(every, (one) => one[STARTED]),
    requests_answered: sum(every, (one) => one[COMPLETED]),
    in_flight: sum(every, (one) => one[IN_FLIGHT]),
    peak_in_flight: sum(every, (one) => one[PEAK_IN_FLIGHT]),
    processes: living.length,
    cpu_s: sum(living, libc.cpuSeconds),
    cores: allowed.length,
    cores_free_s: cores.freeSeconds(allowed),
    rss_bytes: sum(memory, ([rss]) => rss),
    peak_rss_bytes: sum(memory, ([, peak]) => peak),
    disk_read_bytes: sum(disk, ([read]) => read),
    disk_written_bytes: sum(disk, ([, written]) => written),
  };
}

// Resets the peaks, so that each trial has its own, and gives back free memory, so that each trial begins with the
// memory that the service needs when idle.
export async function resetPeaks() {
  await (cluster.isWorker ? giveBackAll() : giveBack());
  for (const one of pids().map(counts)) {
    one[PEAK_IN_FLIGHT] = one[IN_FLIGHT];
  }
  processes().forEach(resetPeak);
}

function pids() {
  return fs
    .readdirSync(folder)
    .map(Number)
    .sort((one, other) => one - other);
}

function counts(pid) {
  if (!maps.has(pid)) {
    const fd = fs.openSync(path.join(folder, String(pid)), 'r+');
    maps.set(pid, new Float64Array(libc.mapped(fd, SIZE)));
    fs.closeSync(fd);
  }
  return maps.get(pid);
}

function sum(items, figure) {
  return items.reduce((total, item) => total + figure(item), 0);
}

// Resident set and its peak, in bytes.
function memoryOf(pid) {
  return figures(pid, 'status', /^VmRSS:\s*(\d+)/m, /^VmHWM:\s*(\d+)/m).map((kib) => kib * 1024);
}

// Bytes read from the disk and written to it; 0 if the kernel does not report them.
//
// The kernel also counts writes that were cancelled before they reached the disk, so these are subtracted.
function diskOf(pid) {
  const counts = [/^read_bytes: (\d+)/m, /^write_bytes: (\d+)/m, /^cancelled_write_bytes: (\d+)/m];
  const [read, written, cancelled] = figures(pid, 'io', ...counts);
  return [read, Math.max(0, written - cancelled)];
}

// Finds numbers in a process's /proc file; 0 for one that is missing.
function figures(pid, file, ...sought) {
  let content = '';
  try {
    content = fs.readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    // The process is gone, or the kernel does not report them.
  }
  return sought.map((figure) => Number(figure.exec(content)?.[1] ?? 0));
}
