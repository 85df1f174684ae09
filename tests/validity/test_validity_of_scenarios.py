"""Validity of mixed loads and bursts: each rule with a trial that breaks it and one that is just within its limit."""

import math
from collections.abc import Sequence
from typing import Any

import pytest

from tests.made_up import runs
from tests.made_up.scenarios import burst_of, burst_spec, burst_trial, mixed_spec, mixed_trial, queued
from tests.validity.test_validity import found, generator, the_reason
from waitbench.records.trial import Neighbours, Phase, TrialRecord
from waitbench.validity.ceiling import ceiling_of

FAST_US, SLOW_US = [2_000] * 1000, [50_000] * 400


def with_arrivals(trial: TrialRecord, **changes: Any) -> TrialRecord:
    assert trial.arrivals is not None
    return trial.model_copy(update={"arrivals": trial.arrivals.model_copy(update=changes)})


def lost(
    requests: Sequence[tuple[float, float]], begin_s: float, end_s: float, count: int
) -> list[tuple[float, float]]:
    """The same requests, but the first `count` that are due in a span never end."""
    numbers = [n for n, (due, _) in enumerate(requests) if begin_s <= due < end_s][:count]
    return [(due, math.inf if n in numbers else ended) for n, (due, ended) in enumerate(requests)]


def troubled(count: int, begin_s: float = 1, end_s: float = 5) -> TrialRecord:
    planned = burst_spec()
    return burst_of(planned, lost(queued(planned, 200), begin_s, end_s, count))


class TestBurst:
    """A burst overloads the service on purpose. The calm is from 1 to 5 s, the overload to 8 s, the end at 16 s."""

    def test_a_valid_burst_has_no_reasons(self) -> None:
        assert found(burst_trial()) == {}

    def test_errors_in_the_overload_and_after_it_are_allowed(self) -> None:
        assert found(troubled(400, 5, 8)) == {}
        assert found(troubled(100, 9, 16)) == {}

    def test_a_burst_without_requests_in_the_window_is_invalid(self) -> None:
        assert "no-requests" in found(burst_of(burst_spec(), [(0.5, 0.6)]))

    def test_shedding_and_falling_behind_are_allowed(self) -> None:
        trial = burst_trial()
        assert trial.arrivals is not None
        shed = trial.arrivals.intended + 500
        assert found(with_arrivals(trial, shed=500, intended=shed)) == {}
        assert found(with_arrivals(trial, ended=100)) == {}

    def test_a_lost_arrival_is_invalid(self) -> None:
        trial = burst_trial()
        assert trial.arrivals is not None
        the_reason(with_arrivals(trial, scheduled=trial.arrivals.intended + 1), "rate")

    def test_drift_is_allowed(self) -> None:
        assert found(burst_trial().model_copy(update={"thirds_iqm_us": [100_000, 900_000, 2_000_000]})) == {}

    def test_its_rate_is_no_ceiling_and_being_at_the_ceiling_is_no_reason(self) -> None:
        target = runs.target(budget_read={"workers": 1, "in_flight": 10}, budget={"workers": 1, "in_flight": 10})
        ceiling = ceiling_of(burst_trial(), target)
        assert ceiling is not None
        assert (ceiling.rps, ceiling.limit) == (100, "in_flight")
        assert found(burst_trial(), target) == {}

    def test_a_wait_that_was_cut_short_is_invalid(self) -> None:
        planned = burst_spec()
        trial = burst_of(planned, queued(planned, 200, wait_s=0.05))
        assert "its wait was cut short" in the_reason(trial, "over-ceiling").text

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"generator": generator(cpu_share=0.91)}, "generator-cpu"),
            ({"generator": generator(lag_p99_ms=500)}, "generator-lag"),
            ({"usage": runs.usage(1)}, "accounts"),
            ({"disturbance": "stopped"}, "disturbed"),
        ],
    )
    def test_other_rules_apply_to_a_burst_too(self, changes: dict[str, Any], code: str) -> None:
        the_reason(burst_trial().model_copy(update=changes), code)

    def test_a_generator_that_sends_later_than_a_fifth_of_a_bin_is_invalid(self) -> None:
        assert found(with_arrivals(burst_trial(), delay_p99_us=50_000)) == {}
        the_reason(with_arrivals(burst_trial(), delay_p99_us=50_100), "dispatch-delay")

    def test_the_rules_of_budget_and_overlap_apply(self) -> None:
        the_reason(burst_trial(), "budget", runs.target(budget_read=runs.BUDGET | {"db_pool": 5}))
        the_reason(burst_trial(), "overlap", runs.target(proofs={"wait": runs.proof("19 of 20")}))


class TestCalm:
    """400 requests are due in the calm, at 100/s for four seconds."""

    def test_a_calm_with_failures_is_invalid(self) -> None:
        # One in 400 is 0.25 %.
        assert the_reason(troubled(1), "calm").text == "0.25% of the requests in the calm failed or were shed"

    def test_a_failure_in_the_warm_up_does_not_belong_to_the_calm(self) -> None:
        assert "calm" not in found(troubled(1, 0, 1))

    def test_one_in_a_thousand_is_allowed(self) -> None:
        trial = burst_trial()
        for fewer, invalid in ((0, False), (1, True)):
            # One of 1,000, or of 999, failed in the first bin of the calm; the other fifteen bins have 375 of them.
            first = trial.bins[4].model_copy(update={"due": 1000 - 375 - fewer, "good": 1000 - 375 - 1 - fewer})
            changed = trial.model_copy(update={"bins": [*trial.bins[:4], first, *trial.bins[5:]]})
            assert ("calm" in found(changed)) == invalid

    def test_a_burst_without_a_calm_is_invalid(self) -> None:
        trial = burst_trial()
        late = trial.model_copy(update={"bins": trial.bins[20:]})
        assert the_reason(late, "calm").text == "no request was due in the calm before the overload"
        assert "calm" in found(trial.model_copy(update={"bins": []}))

    @pytest.mark.parametrize(("slow", "invalid"), [(1, False), (2, True)])
    def test_nine_in_ten_of_its_bins_have_to_be_well(self, slow: int, invalid: bool) -> None:
        # Of sixteen bins, one slow bin leaves 94 %, two leave 88 %.
        trial = burst_trial()
        bins = [
            each.model_copy(update={"p90_us": 900_000}) if 4 <= n < 4 + slow else each
            for n, each in enumerate(trial.bins)
        ]
        assert ("calm" in found(trial.model_copy(update={"bins": bins}))) == invalid

    def test_only_bursts_need_a_calm(self) -> None:
        assert "calm" not in found(runs.trial())


class TestMixed:
    """The rules apply to the fast path; its neighbours are not measured."""

    def test_a_valid_one_has_no_reasons_with_neighbours_or_alone(self) -> None:
        for alone in (True, False):
            assert found(mixed_trial(mixed_spec(alone=alone), FAST_US, SLOW_US)) == {}

    def test_neighbours_that_fail_are_a_note(self) -> None:
        trial = mixed_trial(mixed_spec(), FAST_US, SLOW_US, {"timeout": 2})
        reason = found(trial)["neighbours"]
        assert (reason.weight, reason.text) == ("note", "0.50% of 402 neighbours failed: 2 × timeout")

    def test_one_failed_neighbour_in_a_thousand_is_allowed(self) -> None:
        assert found(mixed_trial(mixed_spec(), FAST_US, [50_000] * 999, {"timeout": 1})) == {}

    def test_a_trial_without_neighbours_is_invalid(self) -> None:
        the_reason(mixed_trial(mixed_spec(), FAST_US), "neighbours")
        the_reason(mixed_trial(mixed_spec(), FAST_US, neighbours=None), "neighbours")

    def test_neighbours_in_the_warm_up_are_not_enough(self) -> None:
        neighbours = Neighbours(warmup=Phase(good=50), measured=Phase(), shed=0, latency=None)
        the_reason(mixed_trial(mixed_spec(), FAST_US, neighbours=neighbours, usage=runs.usage(1050)), "neighbours")

    def test_shed_neighbours_are_invalid_too(self) -> None:
        """max_in_flight limits both together, so it is chance which of them are shed."""
        trial = mixed_trial(mixed_spec(), FAST_US, SLOW_US)
        assert trial.neighbours is not None
        shed = trial.model_copy(update={"neighbours": trial.neighbours.model_copy(update={"shed": 100})})
        assert "100 of 1500 arrivals were shed" in the_reason(shed, "rate").text

    def test_the_service_counts_both(self) -> None:
        trial = mixed_trial(mixed_spec(), FAST_US, SLOW_US, usage=runs.usage(1000))
        text = "1400 requests sent, but the service counted 1000 responses"
        assert the_reason(trial, "accounts").text == text

    def test_a_fast_path_with_failures_is_invalid(self) -> None:
        trial = mixed_trial(mixed_spec(), FAST_US, SLOW_US, errors={"reset": 2}, usage=runs.usage(1402))
        the_reason(trial, "errors")

    def test_shed_fast_arrivals_are_invalid(self) -> None:
        trial = mixed_trial(mixed_spec(), FAST_US, SLOW_US)
        assert found(with_arrivals(trial, intended=1001, shed=1)) == {}
        the_reason(with_arrivals(trial, intended=1002, shed=2), "rate")

    def test_a_fast_path_that_a_neighbour_delays_at_the_edge_has_not_fallen_behind(self) -> None:
        delayed_us = [1000] * 950 + [300_000] * 50  # at 100/s, 30 arrive within a p99
        trial = mixed_trial(mixed_spec(), delayed_us, SLOW_US)
        assert "rate" not in found(with_arrivals(trial, ended=960))
        the_reason(with_arrivals(trial, ended=950), "rate")

    def test_a_fast_path_that_falls_behind_is_invalid(self) -> None:
        trial = mixed_trial(mixed_spec(), FAST_US, SLOW_US)
        the_reason(with_arrivals(trial, ended=900), "rate")

    def test_neighbours_with_disk_must_really_read_it(self) -> None:
        # 400 in the window and 100 in the warm-up, of 64 KiB each; none in a trial without neighbours.
        planned = mixed_spec(of="disk", params={"kib": 64})
        neighbours = Neighbours(
            warmup=Phase(good=100), measured=Phase(good=400), shed=0, latency=runs.latency_of(SLOW_US)
        )
        for share, invalid in ((0.98, True), (1.0, False)):
            usage = runs.read_from_disk(runs.usage(1500), round(share * 500 * 64 * 1024))
            trial = mixed_trial(planned, FAST_US, neighbours=neighbours, usage=usage)
            assert ("disk" in found(trial)) == invalid
        assert found(mixed_trial(mixed_spec(alone=True, of="disk", params={"kib": 64}), FAST_US)) == {}

    def test_a_neighbours_wait_that_was_cut_short_is_invalid(self) -> None:
        planned = mixed_spec(of="wait", params={"ms": 100})
        assert planned.neighbours is not None
        planned = planned.model_copy(update={"neighbours": planned.neighbours.model_copy(update={"least_s": 0.1})})
        assert found(mixed_trial(planned, FAST_US, [110_000] * 400)) == {}
        reason = the_reason(mixed_trial(planned, FAST_US, [110_000] * 399 + [90_000]), "over-ceiling")
        assert reason.text == "a response to /wait?ms=100 came after 90.0 ms: its wait was cut short"

    def test_a_dispatch_delay_that_is_a_large_part_of_the_p99_is_a_note(self) -> None:
        trial = mixed_trial(mixed_spec(), FAST_US, SLOW_US)
        reason = found(with_arrivals(trial, delay_p99_us=900))["lateness"]
        assert reason.weight == "note"

    def test_its_ceiling_is_the_fast_paths_part_of_the_rate(self) -> None:
        ceiling = ceiling_of(mixed_trial(mixed_spec(load=120, share=0.25), FAST_US, SLOW_US), runs.target())
        assert ceiling is not None
        assert (ceiling.rps, ceiling.limit) == (90, "rate")
        more = with_arrivals(mixed_trial(mixed_spec(), FAST_US, SLOW_US), intended=999)
        the_reason(more, "over-ceiling")
