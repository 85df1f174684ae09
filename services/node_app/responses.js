// The bytes of every response and refusal, so that they are the same from every variant.

import { STATUS_CODES } from 'node:http';

export const JSON_TYPE = 'application/json';
export const PROBLEM = 'application/problem+json';
export const BYTES = 'application/octet-stream';

// The response is a problem document with the error's text.
export class Refusal extends Error {
  static status = 500;

  get status() {
    return this.constructor.status;
  }
}

// The request asks for something outside the contract.
export class BadInput extends Refusal {
  static status = 400;
}

// An upload does not declare its length.
export class LengthMissing extends Refusal {
  static status = 411;
}

// An upload declares a longer body than the contract allows.
export class TooLarge extends Refusal {
  static status = 413;
}

// The remote API, the database or the disk did not respond in time, or failed.
export class DependencyFailed extends Refusal {
  static status = 503;
}

// RFC 9110 has a newer phrase than Node.
const TITLES = { ...STATUS_CODES, 413: 'Content Too Large' };

// An RFC 9457 problem document.
export function problem(status, detail) {
  return JSON.stringify({ type: 'about:blank', title: TITLES[status], status, detail });
}

export const NOT_FOUND = problem(404, 'no such path');
export const METHOD_NOT_ALLOWED = problem(405, 'this path does not accept that method');
export const SERVER_ERROR = problem(500, 'the service failed; see its log');
export const NO_REQUEST = problem(400, 'this is not an HTTP request');

export const CUT_SHORT = 'the body is shorter than its Content-Length';

export const HEALTH = JSON.stringify({ status: 'ok' });
export const FAST = JSON.stringify({ workload: 'fast' });

export function waited(ms) {
  return JSON.stringify({ workload: 'wait', ms });
}

export function called(ms, calls) {
  return JSON.stringify({ workload: 'upstream', ms, calls });
}

export function queried(ms, rows) {
  return JSON.stringify({ workload: 'db', ms, rows });
}

export function stored(kib, sha256) {
  return JSON.stringify({ workload: 'disk', kib, sha256 });
}

export function received(bytes, sha256) {
  return JSON.stringify({ workload: 'upload', bytes, sha256 });
}

export function computed(ksteps, result) {
  return JSON.stringify({ workload: 'cpu', ksteps, result });
}
