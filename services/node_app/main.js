// `node main.js`: the service's one process, or the first of several.

import cluster from 'node:cluster';
import { parseArgs } from 'node:util';

import { settings } from './settings.js';

// libuv reads this when the first work is given to its pool: before anything else is loaded.
process.env.UV_THREADPOOL_SIZE = String(settings.workThreads);

const { values } = parseArgs({
  options: Object.fromEntries(
    ['host', 'port', 'backlog', 'keep-alive', 'workers'].map((name) => [name, { type: 'string' }]),
  ),
});
const workers = Number(values.workers);

if (workers > 1 && cluster.isPrimary) {
  const { lead } = await import('./primary.js');
  lead(workers);
} else {
  const { serve } = await import('./serve.js');
  await serve(values);
}
