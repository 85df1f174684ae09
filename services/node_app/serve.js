// One process that answers requests, until a signal comes.

import { setTimeout } from 'node:timers/promises';

import { app } from './app.js';
import * as tally from './tally.js';

export async function serve({ host, port, backlog, 'keep-alive': keepAliveS, workers }) {
  tally.open();
  // The first to listen may be asked at once how many they are.
  while (tally.workerPids().length < workers) {
    await setTimeout(5);
  }
  const { server } = app;
  server.keepAliveTimeout = keepAliveS * 1000;
  server.headersTimeout = keepAliveS * 1000; // before its first request a connection is idle too
  server.requestTimeout = 0; // a slow upload takes minutes
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => app.close().finally(() => process.exit()));
  }
  await app.listen({ host, port: Number(port), backlog: Number(backlog) });
}
