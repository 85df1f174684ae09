-- Only for containers; a local run gives the services' role a random password (waitbench/launch/postgres.py).
-- Compose has no random numbers, so this password is no secret. It allows reading one table, on a network that nothing
-- outside Docker reaches. The superuser loses its password, so only processes inside the container can use it.
ALTER ROLE waitbench_reader PASSWORD 'waitbench';
ALTER ROLE waitbench PASSWORD NULL;
REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC;
