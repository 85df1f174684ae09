"""The settings that a service gets from the program that starts it, read once from the environment."""

import os
import tempfile
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:  # 14 fields: one for each environment variable that a service reads
    variant: str
    framework: str
    model: str
    server: str
    database_url: str
    upstream_url: str
    in_flight: int
    """Concurrent calls, if the application and not its server limits them; 0: no limit."""
    db_pool: int
    upstream_connections: int
    upstream_threads: int
    work_threads: int
    dependency_grace_s: float
    """How much longer than the wait itself a dependency may take before the response is 503."""
    state_dir: str
    """Where the workers of one service keep their counts."""
    scratch_dir: str
    """Where /disk writes its files: on a real disk, because a folder in memory would prove nothing."""


def _read() -> Settings:
    env = os.environ.get
    return Settings(
        variant=env("WAITBENCH_VARIANT", "unnamed"),
        framework=env("WAITBENCH_FRAMEWORK", ""),
        model=env("WAITBENCH_MODEL", "threads"),
        server=env("WAITBENCH_SERVER", ""),
        database_url=env("WAITBENCH_DATABASE_URL", "postgresql://waitbench@127.0.0.1:5432/waitbench"),
        upstream_url=env("WAITBENCH_UPSTREAM_URL", "http://127.0.0.1:8090"),
        in_flight=int(env("WAITBENCH_IN_FLIGHT", "0")),
        db_pool=int(env("WAITBENCH_DB_POOL", "50")),
        upstream_connections=int(env("WAITBENCH_UPSTREAM_CONNECTIONS", "1000")),
        upstream_threads=int(env("WAITBENCH_UPSTREAM_THREADS", "1000")),
        work_threads=int(env("WAITBENCH_WORK_THREADS", "40")),
        dependency_grace_s=float(env("WAITBENCH_DEPENDENCY_GRACE_S", "5")),
        state_dir=env("WAITBENCH_STATE_DIR", "") or f"{tempfile.gettempdir()}/waitbench-{os.getpgrp()}",
        scratch_dir=env("WAITBENCH_SCRATCH_DIR", "/var/tmp"),  # noqa: S108 - the files in it have no names
    )


settings = _read()
