// The file behind /disk: written, forced to the disk, and read back from there.

import { createHash } from 'node:crypto';
import { closeSync, constants, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';

import { DependencyFailed } from './responses.js';
import * as libc from './libc.js';
import * as pattern from './pattern.js';
import { settings } from './settings.js';

export const FAILED = 'the file could not be written to the disk and read back';

// O_TMPFILE, which Node does not name: the file never has a name, so it cannot be left behind.
const NAMELESS = 0o20000000 | constants.O_DIRECTORY | constants.O_RDWR;

// Returns the SHA-256 of what the disk gave back. Each step waits in a thread of libuv's pool.
export async function keepAndReadBack(kib) {
  const digest = createHash('sha256');
  let file;
  try {
    file = await open(settings.scratchDir, NAMELESS, 0o600);
    for (const piece of pattern.pieces(kib * 1024)) {
      await file.writeFile(piece);
    }
    await file.sync();
    // Only data on the disk can be dropped from memory, and only dropped data is read from the disk.
    libc.dropFromMemory(file.fd);
    const found = Buffer.allocUnsafeSlow(pattern.PIECE);
    let position = 0;
    for (const piece of pattern.pieces(kib * 1024)) {
      const { bytesRead } = await file.read(found, 0, piece.length, position);
      take(digest, found.subarray(0, bytesRead), piece);
      position += bytesRead;
    }
  } catch (error) {
    throw new DependencyFailed(FAILED, { cause: error });
  } finally {
    await file?.close();
  }
  return digest.digest('hex');
}

// Does the same on the event loop itself, which stops meanwhile.
export function keepAndReadBackInline(kib) {
  const digest = createHash('sha256');
  let fd;
  try {
    fd = openSync(settings.scratchDir, NAMELESS, 0o600);
    for (const piece of pattern.pieces(kib * 1024)) {
      writeWhole(fd, piece);
    }
    fsyncSync(fd);
    libc.dropFromMemory(fd);
    const found = Buffer.allocUnsafeSlow(pattern.PIECE);
    let position = 0;
    for (const piece of pattern.pieces(kib * 1024)) {
      const bytesRead = readSync(fd, found, 0, piece.length, position);
      take(digest, found.subarray(0, bytesRead), piece);
      position += bytesRead;
    }
  } catch (error) {
    throw new DependencyFailed(FAILED, { cause: error });
  } finally {
    if (fd !== undefined) {
      closeSync(fd);
    }
  }
  return digest.digest('hex');
}

function writeWhole(fd, piece) {
  for (let done = 0; done < piece.length; ) {
    done += writeSync(fd, piece, done);
  }
}

function take(digest, found, right) {
  if (!found.equals(right)) {
    throw new Error('the disk gave back something else');
  }
  digest.update(found);
}
