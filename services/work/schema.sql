-- 10,000 items on 1,000 shelves, ten on each. /db reads one shelf by its index.
CREATE TABLE IF NOT EXISTS item (
    id          integer PRIMARY KEY,
    shelf       integer NOT NULL,
    name        text    NOT NULL,
    price_cents integer NOT NULL
);

INSERT INTO item (id, shelf, name, price_cents)
SELECT n, n % 1000, 'item ' || n, (n * 37) % 10000
FROM generate_series(1, 10000) AS n
ON CONFLICT DO NOTHING;

CREATE INDEX IF NOT EXISTS item_shelf ON item (shelf, id);
ANALYZE item;

-- The services' own role. It may read this table, and call functions that everybody may call, such as pg_sleep. The
-- program that starts PostgreSQL gives it a password.
CREATE ROLE waitbench_reader LOGIN;
REVOKE ALL ON DATABASE waitbench FROM PUBLIC;
GRANT CONNECT ON DATABASE waitbench TO waitbench_reader;
GRANT SELECT ON item TO waitbench_reader;
