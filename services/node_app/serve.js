// One process that serves requests, until a signal ends it.

import { setTimeout } from 'node:timers/promises';

import { app } from './app.js';
import * as counters from './counters.js';

export async function serve({ host, port, backlog, 'keep-alive': keepAliveS, workers }) {
  counters.open();
  // The first worker that listens may be asked at once how many there are.
  while (counters.workerPids().length < workers) {
    await setTimeout(5);
  }
  const { server } = app;
  server.keepAliveTimeout = keepAliveS * 1000;
  server.headersTimeout = keepAliveS * 1000; // a connection is also idle before its first request
  server.requestTimeout = 0; // a slow upload takes minutes
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => app.close().finally(() => process.exit()));
  }
  await app.listen({ host, port: Number(port), backlog: Number(backlog) });
}
