"""Real services for the tests: one stack for the whole session, as a local run would start it."""

import os
from collections.abc import Iterable, Iterator

import pytest

from waitbench.launch.local import LocalStack
from waitbench.launch.programs import missing
from waitbench.service import Service
from waitbench.variants import Variant, load_variants

VARIANTS = load_variants()
REQUIRED = os.environ.get("WAITBENCH_REQUIRE_REFERENCES") == "1"
"""Whether a test fails, and is not skipped, where the program of its variant is not on this machine."""


def installed(names: Iterable[str]) -> list[str]:
    """Those that this machine can run."""
    return [name for name in names if not missing(VARIANTS[name])]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test of a variant that this machine can't run says why, and not as an error of its stack."""
    callspec = getattr(item, "callspec", None)
    name = callspec.params.get("variant") if callspec else None
    why = missing(VARIANTS[name]) if name in VARIANTS else ""
    if why:
        pytest.fail(why, pytrace=False) if REQUIRED else pytest.skip(why)


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    with LocalStack() as local:
        local.start(installed(VARIANTS))
        yield local


@pytest.fixture(params=list(VARIANTS))
def variant(request: pytest.FixtureRequest) -> Variant:
    """Each variant in turn, instruments too."""
    return VARIANTS[request.param]


@pytest.fixture
def service(stack: LocalStack, variant: Variant) -> Iterator[Service]:
    """The live service of `variant`."""
    with Service(stack.base_urls[variant.name]) as live:
        yield live
