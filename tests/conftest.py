"""Real services for the tests: one stack for the whole session, as a local run would start it."""

from collections.abc import Iterator

import pytest

from waitbench.launch.local import LocalStack
from waitbench.service import Service
from waitbench.variants import Variant, load_variants

VARIANTS = load_variants()


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    with LocalStack() as local:
        local.start(VARIANTS)
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
