// Query parameters and lengths, by one rule for all variants, since each framework parses differently.

import { BadInput, LengthMissing, TooLarge } from './responses.js';

// No sign, no blank, at most nine digits.
const WHOLE = /^[0-9]{1,9}$/;
const DIGITS = /^[0-9]+$/;

export const MS_MAX = 60_000;
export const CALLS_MAX = 20;
export const DISK_KIB_MAX = 4096;
export const DOWNLOAD_KIB_MAX = 65_536;
export const KSTEPS_MAX = 10_000;
export const UPLOAD_MAX = 64 * 1024 * 1024;

// `given` is undefined if there is no value, text if there is one, and a list if there are more.
function whole(name, given, low, high) {
  const value = typeof given === 'string' && WHOLE.test(given) ? Number(given) : -1;
  if (value < low || value > high) {
    throw new BadInput(`${name} must be given once, a whole number from ${low} to ${high}`);
  }
  return value;
}

// How long to wait, in milliseconds.
export function ms(given) {
  return whole('ms', given, 0, MS_MAX);
}

// How many remote calls to make inside one request; by default 1.
export function calls(given = '1') {
  return whole('calls', given, 1, CALLS_MAX);
}

// 1: the calls one after the other; 0 (default): concurrently.
export function serial(given = '0') {
  return whole('serial', given, 0, 1);
}

// How much to write and read back, in KiB.
export function diskKib(given) {
  return whole('kib', given, 1, DISK_KIB_MAX);
}

// How much to send, in KiB.
export function downloadKib(given) {
  return whole('kib', given, 0, DOWNLOAD_KIB_MAX);
}

// How many thousand steps to compute.
export function ksteps(given) {
  return whole('ksteps', given, 1, KSTEPS_MAX);
}

// 1: work where the request is handled; 0 (default): where the concurrency model does such work.
export function inline(given = '0') {
  return whole('inline', given, 0, 1);
}

// How many bytes an upload has, by its Content-Length.
export function contentLength(given) {
  if (given === undefined || !DIGITS.test(given)) {
    throw new LengthMissing('an upload needs a Content-Length');
  }
  const length = Number(given);
  if (length > UPLOAD_MAX) {
    throw new TooLarge(`an upload may have at most ${UPLOAD_MAX} bytes`);
  }
  return length;
}
