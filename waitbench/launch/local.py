"""Runs everything on this machine: PostgreSQL, the remote API and the services, each as a process."""

import os
import random
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Collection, Iterable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil

from waitbench.catalog.variants import labelled, load_variants
from waitbench.catalog.workloads import WORKLOADS, needed
from waitbench.errors import UsageError, WaitbenchError
from waitbench.launch.client import Service, wait_until
from waitbench.launch.cores import Cores, allowed_cores, share_out
from waitbench.launch.interrupts import deferred
from waitbench.launch.postgres import Postgres
from waitbench.launch.process import Process
from waitbench.launch.programs import missing
from waitbench.paths import SERVICES, VARIANTS
from waitbench.plan.contender import Contender

READY_S = 30.0
FIRST_PORT = 10_000
"""Well-known services use ports below this."""
_PREFIX = "waitbench-"
SCRATCH = "/var/tmp"  # noqa: S108 - a folder of our own is made in it
"""The folder of the services' files, which have to reach a disk. Temporary files are often in memory, these seldom."""
SCRATCH_NAMED = "WAITBENCH_SCRATCH_DIR"
"""The variable that names another folder."""


class LocalStack:
    """A context. However it ends, its processes are ended and its files are removed."""

    def __init__(self, variants_file: Path = VARIANTS, environment: dict[str, str] | None = None) -> None:
        self.cores: Cores = share_out(allowed_cores())
        self.upstream_url = ""
        """The address of the remote API; empty if no started service calls it."""
        self.base_urls: dict[str, str] = {}
        self.processes: dict[str, Process] = {}
        self._variants_file = variants_file
        self._environment = environment or {}
        self._addresses: dict[str, str] = {}
        """The addresses of the dependencies, as environment variables of the services."""
        self._ending = ExitStack()
        self._folder = Path()
        self.scratch = Path()
        """The folder of the services' files."""

    def __enter__(self) -> "LocalStack":
        sweep()
        try:
            self._folder = self._own_folder(Path(tempfile.gettempdir()))
            self.scratch = self._own_scratch()
        except BaseException:  # also if it was interrupted
            self._ending.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with deferred():
            for process in self.processes.values():
                process.ask_to_end()  # all together: one after the other, ten services take two seconds
            self._ending.close()

    def _own_folder(self, where: Path) -> Path:
        with deferred():
            folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=where))
            self._ending.callback(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def _own_scratch(self) -> Path:
        """Make the folder of the services' files, in our temporary folder if the default place can't be used."""
        try:
            return self._own_folder(_scratch())
        except OSError as error:
            if not os.environ.get(SCRATCH_NAMED):
                return self._own_folder(self._folder)
            self._ending.close()
            raise UsageError(
                f"{SCRATCH_NAMED}={_scratch()}: no folder can be created there: {error.strerror}. Name a folder on a "
                "writable disk, or leave the variable out"
            ) from None

    def start(
        self,
        variants: Iterable[str],
        ports: dict[str, int] | None = None,
        workloads: Collection[str] = tuple(WORKLOADS),
    ) -> None:
        """Start the named services as they are declared, like `start_contenders`.

        A name that is given twice starts two services, each with its own label.
        """
        contenders = [Contender(label, name) for label, name in labelled(variants).items()]
        self.start_contenders(contenders, ports, workloads)

    def start_contenders(
        self,
        contenders: Sequence[Contender],
        ports: dict[str, int] | None = None,
        workloads: Collection[str] = tuple(WORKLOADS),
    ) -> None:
        """Start services with the dependencies they need, and wait until each is ready.

        A dependency is started if it is not running yet and a service serves one of the `workloads` that need it.
        Raises WaitbenchError if a service cannot run on this machine, and with its last output if it fails to start.
        """
        ports = ports or {}
        cpus = {who.label: self.cores.of_service(who.cpus) for who in contenders}  # refused before anything starts
        known = load_variants(self._variants_file)
        variants = [who.variant for who in contenders]
        for lacking in filter(None, (missing(known[name]) for name in variants)):
            raise WaitbenchError(lacking)
        # All ports are drawn together: a port drawn later could be one that was drawn before and is not in use yet.
        postgres_port, upstream_port, *drawn = free_ports(2 + len(contenders))
        dependencies = needed(each for each in workloads if any(known[name].serves(each) for name in variants))
        postgres = None
        urls = {}
        if "database" in dependencies and "postgres" not in self.processes:
            postgres = self._start_postgres(postgres_port)
        if dependencies and not self.upstream_url:  # its process watches the database, too
            urls["upstream"] = self._start_upstream(upstream_port)
        for who, free in zip(contenders, drawn, strict=True):
            port = ports.get(who.label) or free
            options = ["--workers", str(who.workers)] if who.workers > 1 else []
            options += [f"--budget={key}={count}" for key, count in who.changed]
            url = self._serve(who.variant, port, cpus[who.label], who.label, options)
            urls[who.label] = self.base_urls[who.label] = url
        if postgres:
            postgres.wait_until_ready()
        workers = {who.label: who.workers for who in contenders}
        for name, url in urls.items():
            self._wait_until_ready(name, url, workers.get(name, 1))

    def _start_postgres(self, port: int) -> Postgres:
        own = self._own_folder(Path(tempfile.gettempdir()))  # a separate one: another user may have to enter it
        postgres = Postgres(own, self._folder / "postgres.log", port, self.cores.dependencies)
        with deferred():
            self._keep("postgres", postgres.start())
        self._addresses["WAITBENCH_DATABASE_URL"] = postgres.url
        return postgres

    def _start_upstream(self, port: int) -> str:
        """Start the remote API. Returns its address."""
        url = self._serve("upstream", port, self.cores.dependencies)
        self.upstream_url = self._addresses["WAITBENCH_UPSTREAM_URL"] = url
        return url

    def died(self) -> WaitbenchError | None:
        """Return the error of the first process that ended by itself; None if all run."""
        return next((p.died() for p in self.processes.values() if p.exit_code() is not None), None)

    def _serve(self, name: str, port: int, cpus: Sequence[int], label: str = "", form: Sequence[str] = ()) -> str:
        label = label or name
        require_free(port, label)
        state = self._folder / "state" / label
        shutil.rmtree(state, ignore_errors=True)  # an earlier process of this name may have left its counts
        state.mkdir(parents=True)
        options = ["--port", str(port), "--variants", str(self._variants_file.resolve()), *form]
        environment = {
            **self._addresses,
            "WAITBENCH_STATE_DIR": str(state),
            "WAITBENCH_SCRATCH_DIR": str(self.scratch),
            **self._environment,
        }
        with deferred():
            process = Process(
                label,
                [sys.executable, str(SERVICES / "serve.py"), name, *options],
                self._folder / f"{label}.log",
                cpus=list(cpus),
                # A service that shares the generator's core would delay it and falsify the figures.
                yielding=name != "upstream" and not self.cores.generator_is_apart(cpus),
                environment=environment,
            )
            self._keep(label, process)
        return f"http://127.0.0.1:{port}"

    def _keep(self, name: str, process: Process) -> None:
        self.processes[name] = process
        self._ending.callback(process.end)

    def _wait_until_ready(self, name: str, url: str, workers: int) -> None:
        process = self.processes[name]

        def ready() -> bool:
            if process.exit_code() is not None:
                raise process.died()
            # The first worker that is up responds for all.
            return service.ready() and (workers == 1 or service.info()["budget"]["workers"] >= workers)

        with Service(url) as service:
            if not wait_until(ready, READY_S):
                raise WaitbenchError(
                    f"{name} did not respond to /health within {READY_S:.0f} s; the end of its output:\n"
                    f"{process.last_words()}"
                )


def free_port() -> int:
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Draw `count` different free ports. Each is bound until all are drawn.

    Before a service listens on its port, the kernel could give that port to a client on this machine. So the ports are
    below the range that the kernel uses for clients, if there is room.
    """
    below = range(FIRST_PORT, first_of_clients())
    # Not the module's generator: if a test seeds that, two processes would draw the same ports.
    candidates = random.SystemRandom().sample(below, min(len(below), 4 * count))
    ports: list[int] = []
    with ExitStack() as bound:

        def bind(port: int) -> int:
            probe = bound.enter_context(socket.socket())
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])

        while candidates and len(ports) < count:
            with suppress(OSError):  # it is in use
                ports.append(bind(candidates.pop()))
        return ports + [bind(0) for _ in range(count - len(ports))]


def first_of_clients() -> int:
    """Return the first port that the kernel gives to clients (ip(7))."""
    file = Path("/proc/sys/net/ipv4/ip_local_port_range")
    return int(file.read_text().split()[0]) if file.exists() else 32768


def require_free(port: int, what: str) -> None:
    """Raise WaitbenchError if something else uses the port. `what` names the user of the port in the message."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise WaitbenchError(
                f"port {port} for {what} is not available: {error.strerror}. Free it, or choose another"
            ) from None


def sweep() -> None:
    """Remove the folders that killed harnesses left behind."""
    for where in (Path(tempfile.gettempdir()), _scratch()):
        for folder in where.glob(f"{_PREFIX}[0-9]*-*"):
            owner = re.match(rf"{_PREFIX}(\d+)-", folder.name)
            if owner and not psutil.pid_exists(int(owner[1])):
                shutil.rmtree(folder, ignore_errors=True)


def _scratch() -> Path:
    return Path(os.environ.get(SCRATCH_NAMED) or SCRATCH).absolute()
