"""Real services for the tests: one stack for the whole session, as a local run would start it."""

import gc
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer

from tests import faults
from tests.scheduling import Grouped, turn
from waitbench.catalog.variants import Variant, load_variants
from waitbench.launch.client import Service
from waitbench.launch.cores import NAMED as CORES
from waitbench.launch.cores import allowed_cores
from waitbench.launch.local import LocalStack
from waitbench.launch.programs import missing

pytest_plugins = ["tests.made_up.reported"]
os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"  # Locust would patch this process, which other tests share

# How long an example takes depends on the machine, so one that stalls for a moment is no failure.
settings.register_profile("quick", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=50)
settings.register_profile("deep", settings.get_profile("quick"), max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

VARIANTS = load_variants()
REQUIRED = os.environ.get("WAITBENCH_REQUIRE_REFERENCES") == "1"
"""Whether a test fails, instead of being skipped, if the program of its variant is not on this machine."""


def installed(names: Iterable[str]) -> list[str]:
    """The variants that this machine can run."""
    return [name for name in names if not missing(VARIANTS[name])]


def pytest_configure(config: pytest.Config) -> None:
    """Give each process of pytest-xdist another first core. Else all services would run on the same one."""
    state = tempfile.TemporaryDirectory(prefix="waitbench-tests-")  # for services' modules that a test imports
    os.environ["WAITBENCH_STATE_DIR"] = state.name
    config.add_cleanup(state.cleanup)
    gc.disable()  # until the tests are collected, because collecting leaves no garbage
    number = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    cores = allowed_cores()
    if len(cores) > 1:
        turn = int(number) % len(cores)
        os.environ[CORES] = ",".join(map(str, cores[turn:] + cores[:turn]))


_MARKED = re.compile(r"^pytestmark = (?:\[\s*)?pytest\.mark\.(\w+)", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import a module whose mark the -m option excludes: importing all of them takes five seconds."""
    if not collection_path.name.startswith("test_"):
        return None
    wanted, text = f"{config.option.markexpr} and ", collection_path.read_text()
    if wanted.startswith("alone and ") and "mark.alone" not in text:
        return True
    found = _MARKED.search(text)
    return True if found and f"not {found[1]} and " in wanted else None


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Grouped:
    return Grouped(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: turn(item.nodeid))
    for item in items:
        faults.note(item)


def pytest_collection_finish() -> None:
    """Freeze the objects that stay to the end. Else the garbage collector spends a tenth of the CPU time on them."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """With -m fault, print which faults were survived."""
    if "fault" in config.option.markexpr and (lines := faults.summary(terminalreporter.stats)):
        terminalreporter.section("faults")
        for line in lines:
            terminalreporter.line(line)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip or fail a test of a variant that this machine cannot run, with the reason, before its stack fails."""
    callspec = getattr(item, "callspec", None)
    name = callspec.params.get("variant") if callspec else None
    why = missing(VARIANTS[name]) if name in VARIANTS else ""
    if why:
        required = REQUIRED and VARIANTS[str(name)].kind == "reference"
        pytest.fail(why, pytrace=False) if required else pytest.skip(why)


EVERY_WAY = ("flask-threads", "django-gevent", "fastapi-asyncio", "flask-asyncio", "go", "node")
"""One variant for each way of waiting and working, for tests that depend on nothing else."""
EVERY_APP = (*EVERY_WAY, "django-asyncio", "fastapi-threads", "null")
"""One variant for each application, for long tests.

Any other variant is one of these in several processes, on a server that another of them uses, or on a server that only
accepts less at once. tests/services/test_check.py checks every variant.
"""


@contextmanager
def up(stack: LocalStack, name: str) -> Iterator[str]:
    """The address of a service. One of EVERY_APP stays up for the next test, and any other is ended afterwards."""
    if name in (*stack.base_urls, *EVERY_APP):
        yield stack.base_urls[name]
        return
    stack.start([name])
    try:
        yield stack.base_urls.pop(name)
    finally:
        stack.processes[name].end(grace_s=0)


class _Started(dict[str, str]):
    """The addresses of a stack's services, each of which is started when its address is first asked for."""

    def __init__(self, stack: LocalStack) -> None:
        self._stack = stack
        self._starting = Lock()

    def __missing__(self, name: str) -> str:
        with self._starting:  # a test may ask from many threads
            if name not in self:
                self._stack.start([name])
        return self[name]


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    """One stack for all tests of this process.

    Starting every service takes five seconds, and few processes need them all.
    """
    with LocalStack() as local:
        local.base_urls = _Started(local)
        yield local


@pytest.fixture(params=EVERY_APP)
def variant(request: pytest.FixtureRequest) -> Variant:
    """Each of EVERY_APP in turn, or other variants if a test says so."""
    return VARIANTS[request.param]


@pytest.fixture
def service(stack: LocalStack, variant: Variant) -> Iterator[Service]:
    """The live service of `variant`."""
    with up(stack, variant.name) as url, Service(url) as live:
        yield live
