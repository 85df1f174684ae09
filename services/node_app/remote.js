// Requests to the remote API and its responses.

import { Pool } from 'undici';

import { DependencyFailed } from './responses.js';
import { settings } from './settings.js';

export const FAILED = 'the remote API did not respond in time';

const grace = settings.dependencyGraceMs;
const pool = new Pool(settings.upstreamUrl, {
  connections: settings.upstreamConnections,
  connectTimeout: grace,
  keepAliveTimeout: 60_000,
});

// The pool's own figure, which it keeps under a private symbol.
export function connections() {
  const symbol = Object.getOwnPropertySymbols(pool).find((one) => one.description === 'connections');
  return pool[symbol];
}

let inFlight = 0;

export async function get(ms, call) {
  const options = {
    method: 'GET',
    path: `/slow?ms=${ms}&call=${call}`,
    headersTimeout: ms + grace,
    bodyTimeout: ms + grace,
    // If all connections are taken, the pool would let a request wait for ever.
    signal: inFlight < settings.upstreamConnections ? null : AbortSignal.timeout(ms + 2 * grace),
  };
  inFlight++;
  try {
    return await read(await pool.request(options));
  } catch (error) {
    throw new DependencyFailed(FAILED, { cause: error });
  } finally {
    inFlight--;
  }
}

async function read({ statusCode, body }) {
  if (statusCode !== 200) {
    await body.dump();
    throw new Error(`the remote API responded with ${statusCode}`);
  }
  return body.json();
}
