// What is said to the remote API, and how its answer is read.

import { Pool } from 'undici';

import { DependencyFailed } from './answers.js';
import { settings } from './settings.js';

export const FAILED = 'the remote API did not answer in time';

const grace = settings.dependencyGraceMs;
const pool = new Pool(settings.upstreamUrl, {
  connections: settings.upstreamConnections,
  connectTimeout: grace,
  keepAliveTimeout: 60_000,
});

// As the pool itself has it, under a symbol of its own.
export function connections() {
  const symbol = Object.getOwnPropertySymbols(pool).find((one) => one.description === 'connections');
  return pool[symbol];
}

let underWay = 0;

export async function get(ms, call) {
  const options = {
    method: 'GET',
    path: `/slow?ms=${ms}&call=${call}`,
    headersTimeout: ms + grace,
    bodyTimeout: ms + grace,
    // The pool has whoever comes when all connections are taken wait for ever.
    signal: underWay < settings.upstreamConnections ? null : AbortSignal.timeout(ms + 2 * grace),
  };
  underWay++;
  try {
    return await read(await pool.request(options));
  } catch (error) {
    throw new DependencyFailed(FAILED, { cause: error });
  } finally {
    underWay--;
  }
}

async function read({ statusCode, body }) {
  if (statusCode !== 200) {
    await body.dump();
    throw new Error(`the remote API answered ${statusCode}`);
  }
  return body.json();
}
