// The path of a request's target.

// A path that the contract does not have.
const NOWHERE = '/';

export function pathOf(target) {
  const query = target.indexOf('?');
  return query < 0 ? target : target.slice(0, query);
}

// The target with its whole path decoded. Fastify would leave an encoded slash as it is, and would send 400 for a path
// that cannot be decoded. Here both are unknown paths.
export function decoded(target) {
  const path = pathOf(target);
  if (!path.includes('%')) {
    return target;
  }
  try {
    const plain = decodeURIComponent(path);
    return /^[\w/]+$/.test(plain) ? plain + target.slice(path.length) : NOWHERE;
  } catch {
    return NOWHERE;
  }
}
