"""CPU steal time, from made-up readings of the kernel's counters."""

from collections import namedtuple

import psutil
import pytest

from loadtests.steal_time import StealTime

Times = namedtuple("Times", "user nice system idle iowait irq softirq steal guest")
MacTimes = namedtuple("MacTimes", "user nice system idle")


def share(monkeypatch: pytest.MonkeyPatch, *readings: object) -> float | None:
    times = iter(readings)
    monkeypatch.setattr(psutil, "cpu_times", lambda: next(times))
    return StealTime().share()


def test_it_is_a_share_of_the_time_of_all_cores_and_a_guests_time_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Times(10, 1, 5, 100, 2, 0, 1, 7, guest=4)
    # Two cores for 3 s: 2 s of work, 3.7 idle and 0.3 stolen; a second of the work was a guest's.
    after = Times(11.5, 1, 5.5, 103.7, 2, 0, 1, 7.3, guest=5)
    assert share(monkeypatch, before, after) == pytest.approx(0.3 / 6)


def test_without_elapsed_time_it_is_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    still = Times(10, 1, 5, 100, 2, 0, 1, 7, guest=4)
    assert share(monkeypatch, still, still) == 0.0


def test_it_is_none_on_a_system_that_does_not_report_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert share(monkeypatch, MacTimes(1, 0, 1, 5), MacTimes(2, 0, 1, 9)) is None
