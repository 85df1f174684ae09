// The first process of several. It listens, and gives the connections to its workers in turn.

import cluster from 'node:cluster';
import { readdirSync } from 'node:fs';

import * as libc from './libc.js';
import { giveBack } from './memory.js';

export function lead(workers) {
  cluster.on('listening', (worker) => worker.send({ about: 'backlog', value: libc.backlog(listener()) }));
  cluster.on('message', relay);
  endTogether();
  for (let number = 0; number < workers; number++) {
    cluster.fork();
  }
}

function listener() {
  return readdirSync('/proc/self/fd').map(Number).find(libc.listens);
}

// How many workers still have to give back memory, by the number of the worker that asked for it.
const left = new Map();

function relay(worker, { about, value }) {
  if (about === 'give back') {
    giveBack();
    const others = Object.values(cluster.workers).filter((other) => other !== worker);
    left.set(worker.id, others.length);
    for (const other of others) {
      other.send({ about, value: worker.id });
    }
  } else if (about === 'gave back') {
    left.set(value, left.get(value) - 1);
    if (left.get(value) === 0) {
      cluster.workers[value]?.send({ about: 'all gave back' });
    }
  }
}

// The service has all its workers or ends, since it is measured with that number.
function endTogether() {
  let ending = false;
  const end = (signal) => {
    ending = true;
    for (const worker of Object.values(cluster.workers)) {
      worker.process.kill(signal);
    }
  };
  process.on('SIGINT', end);
  process.on('SIGTERM', end);
  cluster.on('exit', (worker, code, signal) => {
    if (!ending) {
      console.error(`worker ${worker.process.pid} ended with ${signal ?? `exit code ${code}`}`);
      process.exitCode = 1;
      end('SIGTERM');
    }
  });
}
