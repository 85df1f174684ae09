// The waits and the work. Waits are awaited, and work that would stop the event loop is done in threads.

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';

import { Piscina } from 'piscina';

import { BadInput, CUT_SHORT, DependencyFailed } from './responses.js';
import * as database from './database.js';
import { info as describe } from './info.js';
import * as pattern from './pattern.js';
import plain from './processor.js';
import * as remote from './remote.js';
import * as scratch from './scratch.js';
import { settings } from './settings.js';

// Threads with their own engines, made when first needed and kept. Disk work uses as many threads of libuv's pool.
const threads = new Piscina({
  filename: new URL('processor.js', import.meta.url).href,
  minThreads: 0,
  maxThreads: settings.workThreads,
  idleTimeout: Infinity,
});

export async function wait(ms) {
  await setTimeout(ms);
}

// Makes `calls` remote calls, one after the other or concurrently, and returns when all have ended.
export async function upstream(ms, calls, serial) {
  const numbers = Array.from({ length: calls }, (_, number) => number);
  if (!serial && calls > 1) {
    return Promise.all(numbers.map((number) => remote.get(ms, number)));
  }
  const results = [];
  for (const number of numbers) {
    results.push(await remote.get(ms, number));
  }
  return results;
}

// Returns rows of an indexed read, from a query that waits `ms` in the database.
export async function db(ms) {
  try {
    const { rows } = await database.pool.query(database.query(ms));
    return rows;
  } catch (error) {
    throw new DependencyFailed(database.FAILED, { cause: error });
  }
}

// Writes a file to the disk, reads it back, and returns the SHA-256 of it.
export async function disk(kib, inline) {
  return inline ? scratch.keepAndReadBackInline(kib) : scratch.keepAndReadBack(kib);
}

// Returns the SHA-256 of a body, piece by piece as it comes.
export async function upload(body) {
  const digest = createHash('sha256');
  try {
    for await (const piece of body) {
      digest.update(piece);
      free(piece);
    }
  } catch (error) {
    throw new BadInput(CUT_SHORT, { cause: error });
  }
  return digest.digest('hex');
}

// Frees a piece at once, unless it is part of a larger buffer. V8 would collect many megabytes of pieces first.
function free(piece) {
  if (piece.length === piece.buffer.byteLength) {
    piece.buffer.transfer(0);
  }
}

export function download(kib) {
  return Readable.from(pattern.pieces(kib * 1024), { objectMode: false, highWaterMark: pattern.PIECE });
}

export async function cpu(ksteps, inline) {
  return inline ? plain(ksteps) : threads.run(ksteps);
}

export async function info(server) {
  return describe(server, {
    db_pool: database.pool.options.max,
    upstream_connections: remote.connections(),
    work_threads: threads.options.maxThreads,
  });
}
