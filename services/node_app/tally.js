// The service's own count of its requests, and of the CPU, memory and disk it took.
//
// Each process that answers keeps four counts in a small file of its own, mapped into memory; whichever of them is asked
// adds them up. So the figures are the service's, however many processes it has, and none has to be asked that may be
// busy. Requests for /health, /info and /usage are the harness's own and are not counted.

import cluster from 'node:cluster';
import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import * as cores from './cores.js';
import { giveBackAll } from './fellows.js';
import * as libc from './libc.js';
import { giveBack, resetPeak } from './memory.js';
import { pathOf } from './paths.js';
import { settings } from './settings.js';

const [STARTED, ANSWERED, IN_FLIGHT, PEAK_IN_FLIGHT] = [0, 1, 2, 3];
const SIZE = 4 * Float64Array.BYTES_PER_ELEMENT;
const UNCOUNTED = new Set(['/health', '/info', '/usage', '/usage/reset']);

// The process that was started first: a worker's parent, where there are workers.
const first = cluster.isWorker ? process.ppid : process.pid;
const folder = settings.stateDir || path.join(os.tmpdir(), `waitbench-${first}`);
const maps = new Map();
let own = new Float64Array(4);

// Has this process keep its counts where the others find them.
export function open() {
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, String(process.pid)), Buffer.alloc(SIZE));
  own = counts(process.pid);
}

// A handler of requests that are counted, from its call until the answer is handed over or the client is gone.
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
  own[ANSWERED]++;
  own[IN_FLIGHT]--;
}

// The live processes that answer requests; what dead ones counted stays counted.
export function workerPids() {
  return pids().filter((pid) => fs.existsSync(`/proc/${pid}`));
}

// Every live process of the service.
export function processes() {
  return [...new Set([first, ...workerPids()])];
}

// What this service has answered and taken so far, over all its processes.
//
// `cpu_s` is user and system time in seconds; `rss_bytes` sums the resident sets, so pages that processes share count
// once for each; `peak_rss_bytes` and `peak_in_flight` are since the last reset. `disk_read_bytes` and
// `disk_written_bytes` are what reached the disk, not what was found or left in memory. `cores_free_s` is for how long
// the `cores` that the service may use ran nothing: what they ran beyond `cpu_s` was not this service.
export function usage() {
  const every = pids().map(counts);
  const living = processes();
  const allowed = cores.cores();
  const memory = living.map(memoryOf);
  const disk = living.map(diskOf);
  return {
    monotonic_s: Number(process.hrtime.bigint()) / 1e9,
    requests_started: sum(every, (one) => one[STARTED]),
    requests_answered: sum(every, (one) => one[ANSWERED]),
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

// Start the peaks anew, so that each trial has its own, and give back what memory is free, so that each begins with what
// the service needs at rest.
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

// Bytes read from the disk and written to it; 0 where the kernel does not tell.
//
// What was written and thrown away before it got there is counted by the kernel, and taken off again.
function diskOf(pid) {
  const counts = [/^read_bytes: (\d+)/m, /^write_bytes: (\d+)/m, /^cancelled_write_bytes: (\d+)/m];
  const [read, written, cancelled] = figures(pid, 'io', ...counts);
  return [read, Math.max(0, written - cancelled)];
}

// What is sought in a file that the kernel keeps of a process; 0 for what is not there.
function figures(pid, file, ...sought) {
  let told = '';
  try {
    told = fs.readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    // It is gone, or the kernel does not tell.
  }
  return sought.map((figure) => Number(figure.exec(told)?.[1] ?? 0));
}
