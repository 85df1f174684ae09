"""Starts the Locust processes of a run."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from waitbench.launch.cores import Cores
from waitbench.launch.interrupts import deferred
from waitbench.launch.local import free_port
from waitbench.launch.process import Process, allow_many_sockets
from waitbench.paths import LOADTESTS, ROOT
from waitbench.records.folder import RunFolder
from waitbench.run.order import Order


@contextmanager
def generator(order: Order, cores: Cores, folder: RunFolder) -> Iterator[Process]:
    """Yield the Locust process of this run: the master if there are workers. All end with the context."""
    allow_many_sockets()
    where = (
        ["--web-host", order.ui_host, "--web-port", str(order.ui_port)]
        if order.ui
        else ["--headless", "--only-summary", "-u", "0"]
    )
    with ExitStack() as ending:

        def start(name: str, log: str, options: list[str]) -> Process:
            with deferred():
                process = Process(
                    name,
                    [sys.executable, "-m", "locust", "-f", str(LOADTESTS / "locustfile.py"), *options],
                    folder.path / log,
                    cpus=cores.generator + cores.spare[: max(0, order.locust_workers - 1)],
                    cwd=ROOT,
                    environment={
                        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
                        "WAITBENCH_RUN": str(folder.path.resolve()),
                        "WAITBENCH_KEEP_UI": "1" if order.keep_ui else "0",
                        "LOCUST_SKIP_MONKEY_PATCH": "",
                    },
                )
                ending.callback(process.end, grace_s=5.0)
            return process

        if order.locust_workers:
            port = str(free_port())
            where += ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port]
            where += ["--expect-workers", str(order.locust_workers)]
            to_master = ["--worker", "--master-host", "127.0.0.1", "--master-port", port, "--loglevel", "ERROR"]
            for number in range(1, order.locust_workers + 1):
                start(f"Locust worker {number}", f"locust-worker-{number}.log", to_master)
        yield start("Locust", "locust.log", ["--loglevel", "WARNING", *where])
