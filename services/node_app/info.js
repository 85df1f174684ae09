// The description of the service. The budget is read from the live objects, not from the request for them.

import cluster from 'node:cluster';
import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';

import * as cores from './cores.js';
import * as libc from './libc.js';
import { settings } from './settings.js';
import * as siblings from './siblings.js';
import * as counters from './counters.js';

const PACKAGES = ['fastify', 'pg', 'piscina', 'undici'];

// The body of /info. `server` is the live server, and `pools` has figures that the caller reads from its live objects.
export async function info(server, pools) {
  return {
    variant: settings.variant,
    framework: settings.framework,
    server: settings.server,
    model: settings.model,
    pid: process.pid,
    cores: cores.cores(),
    // Each thread has its own engine, and /cpu runs in threads.
    gil: false,
    versions: { node: process.versions.node, ...Object.fromEntries(PACKAGES.map((name) => [name, version(name)])) },
    runtime: await runtime(),
    budget: {
      workers: counters.workerPids().length,
      backlog: await backlog(server),
      keep_alive_s: server.keepAliveTimeout / 1000,
      ...pools,
    },
  };
}

function version(name) {
  return JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version;
}

// Evidence of the concurrency model: the event loop's library, the number of threads in its pool, and of processes.
async function runtime() {
  const threads = await readdir('/proc/self/task');
  const names = await Promise.all(threads.map((id) => readFile(`/proc/self/task/${id}/comm`, 'utf8').catch(() => '')));
  return {
    event_loop: process.versions.uv ? 'libuv' : '',
    pool_threads: names.filter((name) => name === 'libuv-worker\n').length,
    processes: counters.processes().length,
  };
}

function backlog(server) {
  return cluster.isWorker ? siblings.backlog : libc.backlog(server._handle.fd);
}
