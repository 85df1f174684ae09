-- In containers alone; a local run gives the services' role a random password (waitbench/launch/postgres.py).
-- Compose has no random numbers, so this password is no secret. It opens one table, to be read, on a network that
-- nothing outside of Docker reaches. The superuser has no password any more, so it is reached from inside the container.
ALTER ROLE waitbench_reader PASSWORD 'waitbench';
ALTER ROLE waitbench PASSWORD NULL;
REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC;
