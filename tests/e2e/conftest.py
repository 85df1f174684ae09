"""Whole runs, each in a folder of its own."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.bench import Bench


@pytest.fixture(scope="module")
def make_bench() -> Iterator[Callable[[], Bench]]:
    made: list[Bench] = []

    def make() -> Bench:
        place = Path(tempfile.mkdtemp(prefix="wbrun-"))  # short, and PostgreSQL's user can enter it
        place.chmod(0o755)
        made.append(Bench(place))
        return made[-1]

    yield make
    for bench in made:
        bench.clear()


@pytest.fixture
def bench(make_bench: Callable[[], Bench]) -> Bench:
    return make_bench()
