"""Real services for the tests: one stack for the whole session, as a local run would start it."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from waitbench.launch.local import LocalStack
from waitbench.launch.programs import missing
from waitbench.service import Service
from waitbench.variants import Variant, load_variants

# How long an example takes is the machine's doing: one that stands still for a moment is no failure.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

VARIANTS = load_variants()
REQUIRED = os.environ.get("WAITBENCH_REQUIRE_REFERENCES") == "1"
"""Whether a test fails, and is not skipped, where the program of its variant is not on this machine."""


def installed(names: Iterable[str]) -> list[str]:
    """Those that this machine can run."""
    return [name for name in names if not missing(VARIANTS[name])]


HERE = Path(__file__).parent
LONGEST = [
    HERE / name
    for name in (
        "loadtests/test_run.py",
        "loadtests/test_workers.py",
        "services/test_bodies.py",
        "services/test_dependencies.py",
        "services/test_wrong_services.py",
        "services/test_check.py",
        "loadtests/test_rules.py",
    )
]
"""First of those that run at once, or one of them would go on alone when the others are done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts no service can run beside other tests, since nothing in it takes time to be measured; what is held to
    the truth of its server, to a hundredth, beside none."""
    for item in items:
        if HERE / "waitbench" in item.path.parents and not item.get_closest_marker("live"):
            item.add_marker("untimed")
        if HERE / "known_answers" in item.path.parents:
            item.add_marker("alone")
    items.sort(key=lambda item: LONGEST.index(item.path) if item.path in LONGEST else len(LONGEST))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test of a variant that this machine can't run says why, and not as an error of its stack."""
    callspec = getattr(item, "callspec", None)
    name = callspec.params.get("variant") if callspec else None
    why = missing(VARIANTS[name]) if name in VARIANTS else ""
    if why:
        required = REQUIRED and VARIANTS[str(name)].kind == "reference"
        pytest.fail(why, pytrace=False) if required else pytest.skip(why)


EVERY_WAY = ("flask-threads", "django-gevent", "fastapi-asyncio", "flask-asyncio", "go", "node")
"""Each way of waiting and working, once: what tests run over that look at nothing else."""
EVERY_APP = (*EVERY_WAY, "django-asyncio", "fastapi-threads", "null")
"""Each application once: what the long tests run over. Any other variant is one of these on a server that another of
them runs on, on one that only takes less at once, or in several processes; `check` looks at every one
(tests/services/test_check.py)."""


@contextmanager
def up(stack: LocalStack, name: str) -> Iterator[str]:
    """The address of a service: of one that is up, or else of one that is started for this and ended then."""
    if name in stack.base_urls:
        yield stack.base_urls[name]
        return
    stack.start([name])
    try:
        yield stack.base_urls.pop(name)
    finally:
        stack.processes[name].end(grace_s=0)


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    with LocalStack() as local:
        local.start(installed(EVERY_APP))
        yield local


@pytest.fixture(params=EVERY_APP)
def variant(request: pytest.FixtureRequest) -> Variant:
    """Each of these in turn; of all of them, or of others, where a test says so."""
    return VARIANTS[request.param]


@pytest.fixture
def service(stack: LocalStack, variant: Variant) -> Iterator[Service]:
    """The live service of `variant`."""
    with up(stack, variant.name) as url, Service(url) as live:
        yield live
