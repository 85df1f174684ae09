"""Whole runs of a mixed load and of a burst have every arrival of the schedule, whichever process sends it."""

from collections import Counter
from collections.abc import Callable

import pytest

from loadtests.arrivals import arrivals_ns
from loadtests.recorder import BIN_S
from tests.e2e.bench import Bench, Played, answered, plan, played_both_ways
from waitbench.records import histogram
from waitbench.records.trial import Latency, TrialRecord

pytestmark = [
    pytest.mark.slow,  # only this shows that workers share out a mixed load and a burst exactly
    pytest.mark.live,
]

MIXED = 'workload = "mixed"\nof = "wait"\nshare = 0.3\nparams = { ms = 30 }\nrate = [101]'
STEPS = "profile = [{ rate = 60, seconds = 1 }, { rate = 250, seconds = 1 }, { rate = 60, seconds = 2 }]"
BURST = f'workload = "burst"\nof = "wait"\nparams = {{ ms = 20 }}\nmax_in_flight = 3\n{STEPS}'
"""Five requests would be in flight in the overload, so some arrivals are shed."""


@pytest.fixture(scope="module")
def both(make_bench: Callable[[], Bench]) -> list[Played]:
    return played_both_ways(make_bench, plan(MIXED, BURST, variants=("null",), warmup_s=0.5, measure_s=1.0))


def by_kind(played: Played) -> dict[str, TrialRecord]:
    return {t.spec.conditions.scenario_name + (" alone" if t.spec.alone else ""): t for t in played.ended.trials()}


def scheduled(trial: TrialRecord, neighbours: bool) -> tuple[int, int]:
    """How many arrivals of one kind are planned for the warm-up, and how many for the window."""
    starts = [at for at, is_neighbour in arrivals_ns(trial.spec) if is_neighbour == neighbours]
    warmup = sum(at < int(trial.spec.warmup_s * 1e9) for at in starts)
    return warmup, len(starts) - warmup


def counted(latency: Latency | None) -> int:
    """How many requests a latency has. Checks that its histogram holds as many."""
    assert latency is not None
    assert histogram.merged([latency.histogram]).get_total_count() == latency.count
    return latency.count


def test_every_kind_of_trial_ran_in_the_requested_number_of_processes(both: list[Played]) -> None:
    for played in both:
        assert set(by_kind(played)) == {"mixed", "mixed alone", "burst"}
        for trial in by_kind(played).values():
            assert (trial.generator.processes, trial.disturbance) == (max(1, played.workers), "")


def test_the_service_completed_what_was_sent_and_no_more(both: list[Played]) -> None:
    for played in both:
        for trial in by_kind(played).values():
            assert answered(trial) == trial.sent > 0


@pytest.mark.parametrize("kind", ["mixed", "mixed alone", "burst"])
def test_the_measured_requests_are_those_of_the_schedule(both: list[Played], kind: str) -> None:
    for played in both:
        trial = by_kind(played)[kind]
        arrivals = trial.arrivals
        assert arrivals is not None
        warmup, window = scheduled(trial, neighbours=False)
        assert (arrivals.shed_warmup + trial.warmup.sent, arrivals.intended, arrivals.scheduled) == (
            warmup,
            window,
            window,
        )
        assert arrivals.shed + trial.measured.sent == window
        assert counted(trial.latency) == trial.measured.good
    one, two = (by_kind(played)[kind] for played in both)
    assert scheduled(one, neighbours=False) == scheduled(two, neighbours=False)


def test_the_neighbours_are_those_of_the_schedule_and_in_no_other_figure(both: list[Played]) -> None:
    for played in both:
        trial = by_kind(played)["mixed"]
        neighbours = trial.neighbours
        assert neighbours is not None
        warmup, window = scheduled(trial, neighbours=True)
        sent = (neighbours.warmup.sent, neighbours.measured.sent + neighbours.shed, neighbours.shed)
        assert sent == (warmup, window, 0)
        assert (neighbours.measured.errors, trial.measured.errors) == ({}, {})
        assert counted(neighbours.latency) == neighbours.measured.good
        assert neighbours.latency is not None
        assert neighbours.latency.min_us >= 30_000
        assert sum(second.good for second in trial.timeline) == trial.warmup.good + trial.measured.good


def test_a_trial_alone_has_the_same_fast_requests_and_no_neighbours(both: list[Played]) -> None:
    for played in both:
        together, alone = by_kind(played)["mixed"], by_kind(played)["mixed alone"]
        assert (alone.warmup.sent, alone.measured.sent) == (together.warmup.sent, together.measured.sent)
        assert alone.neighbours is None


def test_each_bin_has_the_schedule_s_arrivals_whichever_process_sent_them(both: list[Played]) -> None:
    for played in both:
        trial = by_kind(played)["burst"]
        due = Counter(int(at / 1e9 / BIN_S) for at, _ in arrivals_ns(trial.spec))
        assert [(each.begin_s, each.due) for each in trial.bins] == [(n * BIN_S, due[n]) for n in range(18)]
        assert trial.bin_s == BIN_S
        good = trial.warmup.good + trial.measured.good
        assert sum(each.good for each in trial.bins) == good
        # All except those that ended in the drain.
        assert good - trial.drained <= sum(each.answered for each in trial.bins) <= good
        assert trial.arrivals is not None
        assert trial.arrivals.shed > 0
        assert sum(each.due - each.good for each in trial.bins) == trial.arrivals.shed + trial.arrivals.shed_warmup


def test_the_tables_have_a_row_for_each_kind(both: list[Played]) -> None:
    for played in both:
        rows = {(row["workload"], row["neighbours"]): row for row in played.ended.rows()}
        assert set(rows) == {("mixed", "beside"), ("mixed", "alone"), ("burst", "")}
        for (workload, neighbours), row in rows.items():
            trial = by_kind(played)[f"{workload} alone" if neighbours == "alone" else workload]
            assert row["requests"] == str(trial.measured.sent)
        assert played.bench.left_behind() == []
