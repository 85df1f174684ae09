// The query behind /db, and the pool that it uses.

import pg from 'pg';

import { settings } from './settings.js';

export const FAILED = 'the database did not respond in time';

const SHELF = 7;
// It has a name, so that each connection prepares it once.
const QUERY = {
  name: 'shelf',
  text: `
    WITH waited AS MATERIALIZED (SELECT pg_sleep($1))
    SELECT item.id, item.name, item.price_cents
    FROM waited, item
    WHERE item.shelf = $2
    ORDER BY item.id
  `,
};

export const pool = new pg.Pool({
  connectionString: settings.databaseUrl,
  max: settings.dbPool,
  connectionTimeoutMillis: settings.dependencyGraceMs,
  idleTimeoutMillis: 0, // connections are kept, as by the other services
});
// The pool has already removed an idle connection that breaks. The next query makes another.
pool.on('error', () => {});

// If the database hangs, the pool discards the connection, whose state is unknown.
export function query(ms) {
  return { ...QUERY, values: [ms / 1000, SHELF], query_timeout: ms + settings.dependencyGraceMs };
}
