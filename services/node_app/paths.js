// The path of a request's target.

// No path of the contract: one that is nowhere.
const NOWHERE = '/';

export function pathOf(target) {
  const query = target.indexOf('?');
  return query < 0 ? target : target.slice(0, query);
}

// The target with its path decoded whole. Fastify would leave an encoded slash as it is, and refuse what can't be decoded
// with 400; here neither is a path like any other.
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
