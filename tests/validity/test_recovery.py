"""Recovery from an overload, compared with results calculated by hand."""

import math
from collections.abc import Sequence

import pytest

from tests.made_up.scenarios import BIN_S, burst_of, burst_spec, queued
from waitbench.records.load_point import Stage
from waitbench.records.trial import Bin, TrialRecord
from waitbench.validity import recovery
from waitbench.validity.recovery import Span

# One second of warm-up, two of calm, one of overload and three after it, so the overload ends at 4 s.
PROFILE = [Stage(rate=40, seconds=2), Stage(rate=200, seconds=1), Stage(rate=40, seconds=3)]
CALM_MS, LATE_MS = 100, 500


def a_bin(n: int, p90_ms: int | None, due: int = 10, good: int = 10, answered: int = 10) -> Bin:
    p90_us = None if p90_ms is None else p90_ms * 1000
    return Bin(begin_s=n * BIN_S, due=due, good=good, p50_us=p90_us, p90_us=p90_us, p99_us=p90_us, answered=answered)


def of(
    after_ms: Sequence[int | None], calm_ms: Sequence[int | None] = [CALM_MS] * 8, bin_s: float = BIN_S
) -> TrialRecord:
    """A trial with these p90 in the 8 bins of the calm and in the 12 bins after the overload."""
    p90s = [CALM_MS] * 4 + [*calm_ms] + [LATE_MS] * 4 + [*after_ms]
    bins = [a_bin(n, p90_ms) for n, p90_ms in enumerate(p90s)]
    return burst_of(burst_spec(profile=PROFILE), [(1.5, 1.6)], bins=bins, bin_s=bin_s)


def test_the_calm_is_the_first_stage_and_the_overload_includes_all_stages_at_the_highest_rate() -> None:
    ramp = [Stage(rate=10, seconds=2), Stage(rate=50, seconds=1), Stage(rate=90, seconds=2), Stage(rate=60, seconds=1),
            Stage(rate=90, seconds=1), Stage(rate=50, seconds=2), Stage(rate=10, seconds=3)]  # fmt: skip
    spec = burst_spec(profile=ramp)
    assert recovery.calm_span(spec) == Span(1, 3)
    assert recovery.overload_span(spec) == Span(4, 8)
    assert recovery.after_span(spec) == Span(8, 13)


@pytest.mark.parametrize(("calm_ms", "limit_ms"), [(5, 25), (20, 40), (21, 42), (100, 200)])
def test_well_is_twice_the_calm_or_twenty_milliseconds_more(calm_ms: int, limit_ms: int) -> None:
    limit = recovery.limit_us(calm_ms * 1000)
    assert limit == limit_ms * 1000
    assert recovery.is_well(a_bin(0, limit_ms), limit)
    assert not recovery.is_well(a_bin(0, limit_ms + 1), limit)


def test_a_bin_without_a_p90_is_not_well_but_an_empty_bin_is() -> None:
    assert not recovery.is_well(a_bin(0, None), 1e9)
    assert recovery.is_well(a_bin(0, None, due=0), 0)


class TestRecovery:
    def test_an_immediate_recovery_is_zero(self) -> None:
        assert recovery.recovery_s(of([CALM_MS] * 12)) == 0

    @pytest.mark.parametrize("late", range(1, 9))
    def test_it_begins_with_the_first_bin_that_is_well(self, late: int) -> None:
        assert recovery.recovery_s(of([LATE_MS] * late + [200] * (12 - late))) == late * BIN_S

    def test_less_than_a_second_is_no_recovery(self) -> None:
        assert recovery.recovery_s(of([LATE_MS] * 9 + [CALM_MS] * 3)) is None
        assert recovery.recovery_s(of([LATE_MS] * 12)) is None

    def test_lucky_bins_amid_a_queue_are_no_recovery(self) -> None:
        assert recovery.recovery_s(of([LATE_MS, *[CALM_MS] * 3, LATE_MS, *[CALM_MS] * 7])) == 5 * BIN_S

    def test_bins_with_failed_requests_are_no_recovery(self) -> None:
        assert recovery.recovery_s(of([None] * 2 + [CALM_MS] * 10)) == 2 * BIN_S

    def test_bins_after_the_last_stage_are_no_recovery(self) -> None:
        """Nothing is due while a queue is drained, so such bins would be well."""
        trial = of([LATE_MS] * 12)
        drain = [a_bin(28 + n, None, due=0) for n in range(8)]
        assert recovery.recovery_s(trial.model_copy(update={"bins": trial.bins + drain})) is None

    def test_after_an_overload_that_ends_within_a_bin_recovery_begins_at_the_next_bin(self) -> None:
        profile = [Stage(rate=40, seconds=2), Stage(rate=200, seconds=1.1), Stage(rate=40, seconds=2.9)]
        spec = burst_spec(profile=profile)
        for late, expected in ((0, 0.0), (1, 0.4), (2, 0.65)):
            # The overload ends at 4.1 s, and the next bin begins at 4.25.
            trial = of([LATE_MS] * (1 + late) + [CALM_MS] * (11 - late)).model_copy(update={"spec": spec})
            assert recovery.recovery_s(trial) == pytest.approx(expected)

    def test_the_limit_comes_from_the_median_of_the_calms_bins(self) -> None:
        # Five of the eight bins have 100 ms, so the median is 100 and the limit 200.
        trial = of([LATE_MS, *[200] * 11], calm_ms=[100] * 5 + [900] * 3)
        assert recovery.calm_p90_us(trial) == 100_000
        assert recovery.recovery_s(trial) == BIN_S

    def test_a_calm_without_a_p90_gives_no_limit(self) -> None:
        trial = of([CALM_MS] * 12, calm_ms=[None] * 8)
        assert (recovery.calm_p90_us(trial), recovery.recovery_s(trial)) == (None, None)


def test_goodput_counts_the_responses_that_ended_in_a_span() -> None:
    trial = of([CALM_MS] * 12)
    counts = [10] * 4 + [9] * 8 + [20] * 4 + [15] * 12
    bins = [each.model_copy(update={"answered": count}) for each, count in zip(trial.bins, counts, strict=True)]
    counted = trial.model_copy(update={"bins": bins})
    found = [
        recovery.answered_rps(counted, span(counted.spec))
        for span in (recovery.calm_span, recovery.overload_span, recovery.after_span)
    ]
    assert found == [36, 80, 60]


def test_a_span_without_a_whole_bin_has_no_goodput() -> None:
    assert recovery.answered_rps(of([CALM_MS] * 12), Span(1.1, 1.3)) is None


@pytest.mark.parametrize("capacity_rps", [130, 150, 200, 250, 300, 500])
@pytest.mark.parametrize("wait_s", [0.005, 0.1, 0.3])
def test_it_agrees_with_the_timeline_to_within_a_second(capacity_rps: float, wait_s: float) -> None:
    """A queue of Q requests is gone after Q / (capacity - rate).

    The bins count requests when they were due, the timeline when they ended. So the timeline shows the last late
    request one latency later, and only when its second is over.
    """
    spec = burst_spec(profile=[Stage(rate=100, seconds=4), Stage(rate=400, seconds=2), Stage(rate=100, seconds=25)])
    trial = burst_of(spec, queued(spec, capacity_rps, wait_s))
    found, p90_us = recovery.recovery_s(trial), recovery.calm_p90_us(trial)
    assert found is not None
    assert p90_us is not None
    begin_s = recovery.after_span(spec).begin_s
    limit_us = recovery.limit_us(p90_us)
    late = [s.second for s in trial.timeline if s.p99_us is not None and s.p99_us > limit_us]
    by_timeline_s = max(late, default=math.floor(begin_s) - 1) + 1 - begin_s
    assert -BIN_S <= by_timeline_s - found <= 1 + limit_us / 1e6
    queue = max(0.0, 400 - capacity_rps) * 2
    assert found <= queue / (capacity_rps - 100) + BIN_S
