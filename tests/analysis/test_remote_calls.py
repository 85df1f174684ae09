"""The gain from concurrent remote calls, reported if a run has both serial and concurrent calls."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.analysis.test_comparison import DJANGO, FLASK, made
from tests.made_up import runs
from waitbench.records.trial import RemoteReading, TrialRecord, Usage
from waitbench.report.words.summary import answers

ONCE = {"ms": 100, "calls": 5}
ROW = {"ms": 100, "calls": 5, "serial": 1}
READING = RemoteReading(monotonic_s=0, cpu_s=0, loop_lag_ms=0)
UPSTREAM = Usage[RemoteReading](window_start=READING, window_end=READING.model_copy(update={"monotonic_s": 10.0}))


def upstream(
    params: Mapping[str, int], ms: Sequence[float], variant: str = FLASK, load: int = 10, **changes: Any
) -> list[TrialRecord]:
    """One repeat for each latency in milliseconds."""
    return [
        runs.trial(
            runs.spec(variant, "upstream", params, load, repeat),
            taken_us=[round(each * 1000)] * round(load * 10_000 / each),
            **({"upstream": UPSTREAM} | changes),
        )
        for repeat, each in enumerate(ms, 1)
    ]


def told(trials: list[TrialRecord]) -> list[str]:
    return [line for line in answers(made(trials)) if "instead of one after the other" in line]


def test_the_median_of_each_contender_is_reported_for_both() -> None:
    flask = upstream(ROW, [512, 512, 512]) + upstream(ONCE, [128, 128, 128])
    django = upstream(ROW, [520, 520, 520], DJANGO) + upstream(ONCE, [130, 130, 130], DJANGO)
    assert told(flask + django) == [
        "Calls to a slow remote API (ms = 100, calls = 5), 10 users, concurrent remote calls instead of one after the "
        "other: Flask on threads p50 from 512 to 128 ms (0.25x, 95 % CI 0.25–0.25); "
        "Django on gevent p50 from 520 to 130 ms (0.25x, 95 % CI 0.25–0.25)."
    ]


def test_the_default_of_serial_is_zero() -> None:
    given = upstream({**ONCE, "serial": 0}, [128, 128])
    assert len(told(upstream(ROW, [512, 512]) + given)) == 1


@pytest.mark.parametrize("other", [{"ms": 100, "calls": 4}, {"ms": 120, "calls": 5}])
def test_other_calls_are_not_compared(other: dict[str, int]) -> None:
    assert told(upstream(ROW, [512, 512]) + upstream(other, [128, 128])) == []


def test_without_both_at_the_same_load_there_is_no_comparison() -> None:
    assert told(upstream(ONCE, [128, 128])) == []
    assert told(upstream(ROW, [512, 512]) + upstream(ONCE, [128, 128], load=20)) == []


def test_it_is_reported_at_the_highest_load_that_both_have() -> None:
    trials = upstream(ROW, [512, 512]) + upstream(ONCE, [128, 128])
    trials += upstream(ROW, [600, 600], load=100) + upstream(ONCE, [150, 150], load=100)
    trials += upstream(ONCE, [160, 160], load=200)
    [line] = told(trials)
    assert ", 100 users, concurrent remote calls" in line
    assert "from 600 to 150 ms" in line


def test_contenders_that_do_not_differ_or_are_invalid_are_reported() -> None:
    [line] = told(upstream(ROW, [520, 510, 530]) + upstream(ONCE, [515, 530, 510]))
    assert line.endswith("ms, not significant.")
    [line] = told(upstream(ROW, [512, 512]) + upstream(ONCE, [128, 128], disturbance="stopped"))
    assert line.endswith(": not counted: Flask on threads.")


def test_each_counts_as_a_comparison_for_the_expected_false_positives() -> None:
    chance = made(upstream(ROW, [512, 512]) + upstream(ONCE, [128, 128])).chance
    assert chance.comparisons == 1
