// CPU work, in plain JavaScript. Each thread of the pool loads this file and calls its export.

// Does thousands of steps of a linear congruential generator. A double cannot hold a product of two 32-bit numbers
// exactly. Math.imul keeps its lower 32 bits, and mod 2^31 needs no more.
export default function plain(ksteps) {
  let x = 1;
  for (let step = ksteps * 1000; step > 0; step--) {
    x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff;
  }
  return x;
}
