"""Tests how cores are assigned to the parts of a run."""

import os

import pytest

from waitbench.errors import UsageError, WaitbenchError
from waitbench.launch.cores import NAMED, Cores, allowed_cores, share_out


@pytest.mark.parametrize("allowed", [[], [0], [3]])
def test_with_one_core_nothing_is_pinned(allowed: list[int]) -> None:
    assert share_out(allowed) == Cores((), (), ())


def test_with_two_cores_the_dependencies_share_the_generators_and_the_service_is_alone() -> None:
    assert share_out([0, 1]) == Cores(services=(0,), dependencies=(1,), generator=(1,))


@pytest.mark.parametrize("allowed", [[0, 1, 2], [0, 1, 2, 3], [4, 6, 9, 11]])
def test_with_three_cores_or_more_each_part_has_its_own(allowed: list[int]) -> None:
    found = share_out(allowed)
    assert found == Cores((allowed[0],), (allowed[2],), (allowed[1],), tuple(allowed[3:]))


@pytest.mark.parametrize(
    ("allowed", "count", "given"),
    [
        ([0, 1], 0, (0,)),
        ([0, 1], 1, (0,)),
        ([0, 1], 2, (0, 1)),
        ([0, 1, 2, 3, 4], 2, (0, 3)),
        ([0, 1, 2, 3, 4], 4, (0, 3, 4, 2)),
        ([0, 1, 2, 3, 4], 5, (0, 3, 4, 2, 1)),
        ([], 1, ()),
    ],
)
def test_a_service_that_asks_for_cores_gets_the_generators_last(
    allowed: list[int], count: int, given: tuple[int, ...]
) -> None:
    assert share_out(allowed).of_service(count) == given


@pytest.mark.parametrize(("allowed", "count", "there"), [([0, 1], 3, "2"), ([0], 2, "no")])
def test_more_cores_than_there_are_is_refused(allowed: list[int], count: int, there: str) -> None:
    with pytest.raises(WaitbenchError, match=f"service_cpus = {count}, but {there} cores can be assigned to a service"):
        share_out(allowed).of_service(count)


def test_the_cores_shared_out_are_those_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAMED, raising=False)
    assert set(allowed_cores()) == (os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set())


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system can't pin processes to cores")
class TestNamed:
    def test_cores_that_are_named_are_shared_out_in_that_order(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 5})
        monkeypatch.setenv(NAMED, "5, 0")
        assert share_out(allowed_cores()) == Cores(services=(5,), dependencies=(0,), generator=(0,))

    @pytest.mark.parametrize("named", ["9", "0,0", "one", "0,,1", "0-1", "-1", "١"])
    def test_other_values_than_cores_of_this_process_are_refused(
        self, named: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2})
        monkeypatch.setenv(NAMED, named)
        with pytest.raises(UsageError, match=f"^{NAMED}={named}: name some of the cores 0, 2, each once"):
            allowed_cores()
