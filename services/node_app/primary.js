// The first process of several: it listens, and hands the connections to its workers in turn.

import cluster from 'node:cluster';
import { readdirSync } from 'node:fs';

import * as libc from './libc.js';

export function lead(workers) {
  let ending = false;

  function end(signal) {
    ending = true;
    for (const worker of Object.values(cluster.workers)) {
      worker.process.kill(signal);
    }
  }

  process.on('SIGINT', end);
  process.on('SIGTERM', end);
  cluster.on('listening', (worker) => worker.send({ backlog: libc.backlog(listener()) }));
  cluster.on('message', (sender, message) => {
    for (const worker of Object.values(cluster.workers)) {
      if (worker !== sender) {
        worker.send(message);
      }
    }
  });
  // What is measured has so many workers, or is not there.
  cluster.on('exit', (worker, code, signal) => {
    if (!ending) {
      console.error(`worker ${worker.process.pid} ended with ${signal ?? `exit code ${code}`}`);
      process.exitCode = 1;
      end('SIGTERM');
    }
  });
  for (let number = 0; number < workers; number++) {
    cluster.fork();
  }
}

function listener() {
  return readdirSync('/proc/self/fd').map(Number).find(libc.listens);
}
