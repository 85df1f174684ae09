// `node main.js` runs the service's only process, or the first of several.

import cluster from 'node:cluster';
import { parseArgs } from 'node:util';

import { settings } from './settings.js';

// Set before anything else is loaded, since libuv reads it when its pool gets the first work.
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
