// The content of files and downloads: byte i is i mod 251, a prime, so a missing or moved piece is noticed.

const PERIOD = 251;
// Bytes of a body or file that are read or written at once.
export const PIECE = 64 * 1024;

const CONTENT = Buffer.from(Uint8Array.from({ length: PERIOD + PIECE }, (_, i) => i % PERIOD));

// The first `size` bytes, piece by piece.
export function* pieces(size) {
  for (let offset = 0; offset < size; offset += PIECE) {
    const start = offset % PERIOD;
    yield CONTENT.subarray(start, start + Math.min(PIECE, size - offset));
  }
}
