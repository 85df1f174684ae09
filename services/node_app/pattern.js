// The content of files and downloads: byte number i is i mod 251, a prime, so that a piece left out or moved shows.

const PERIOD = 251;
// What is read or written in one go, of any body or file.
export const PIECE = 64 * 1024;

const CONTENT = Buffer.from(Uint8Array.from({ length: PERIOD + PIECE }, (_, i) => i % PERIOD));

// The first `size` bytes, piece by piece.
export function* pieces(size) {
  for (let offset = 0; offset < size; offset += PIECE) {
    const start = offset % PERIOD;
    yield CONTENT.subarray(start, start + Math.min(PIECE, size - offset));
  }
}
