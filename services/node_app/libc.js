// A few functions of Linux's C library that Node does not offer, called by Node's foreign function interface.

import ffi from 'node:ffi';

const POSIX_FADV_DONTNEED = 4;
const [PROT_READ, PROT_WRITE, MAP_SHARED] = [1, 2, 1];
const [SOL_SOCKET, SO_ACCEPTCONN] = [1, 30];
const [IPPROTO_TCP, TCP_INFO] = [6, 11];

const { functions: libc } = ffi.dlopen(null, {
  posix_fadvise: { return: 'int32', arguments: ['int32', 'int64', 'int64', 'int32'] },
  mmap: { return: 'pointer', arguments: ['pointer', 'uint64', 'int32', 'int32', 'int32', 'int64'] },
  getsockopt: { return: 'int32', arguments: ['int32', 'int32', 'int32', 'buffer', 'buffer'] },
  clock_gettime: { return: 'int32', arguments: ['int32', 'buffer'] },
  malloc_trim: { return: 'int32', arguments: ['uint64'] },
});

// Drops the part of a file that is already on the disk from memory.
export function dropFromMemory(fd) {
  if (libc.posix_fadvise(fd, 0n, 0n, POSIX_FADV_DONTNEED) !== 0) {
    throw new Error('posix_fadvise failed');
  }
}

// Maps the first bytes of a file into memory, which all processes that map it share.
export function mapped(fd, size) {
  const place = libc.mmap(0n, BigInt(size), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0n);
  if (BigInt.asIntN(64, place) === -1n) {
    throw new Error('mmap failed');
  }
  return ffi.toArrayBuffer(place, size, false);
}

// Whether an open file is a socket that listens.
export function listens(fd) {
  return option(fd, SOL_SOCKET, SO_ACCEPTCONN, 4)?.readInt32LE(0) === 1;
}

// The kernel's own limit for a listener: tcpi_sacked of TCP_INFO, the 6th 32-bit word, in state LISTEN.
export function backlog(fd) {
  return option(fd, IPPROTO_TCP, TCP_INFO, 104).readUInt32LE(8 + 5 * 4);
}

function option(fd, level, name, size) {
  const value = Buffer.alloc(size);
  const length = Buffer.from(Uint32Array.of(size).buffer);
  return libc.getsockopt(fd, level, name, value, length) === 0 ? value : null;
}

// CPU time of a process with all its threads, in seconds; 0 if it is gone. This is clock_getcpuclockid(3), written as
// one expression.
export function cpuSeconds(pid) {
  const time = Buffer.alloc(16);
  const failed = libc.clock_gettime((~pid << 3) | 2, time);
  return failed ? 0 : Number(time.readBigInt64LE(0)) + Number(time.readBigInt64LE(8)) / 1e9;
}

// Gives back the memory that the allocator keeps for later.
export function trimMemory() {
  libc.malloc_trim(0n);
}
