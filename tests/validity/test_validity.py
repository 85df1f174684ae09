"""What makes a trial's number count: each rule by a trial that breaks it and one that stays just inside."""

import math
import random
from typing import Any

import numpy as np
import pytest

from tests.made_up import runs
from waitbench.records import histogram
from waitbench.records.run import Target
from waitbench.records.spec import Neighbours
from waitbench.records.trial import Latency, Phase, TrialRecord, Usage
from waitbench.validity.reason import Reason
from waitbench.validity.repeats import outliers
from waitbench.validity.rules import reasons

Trial = TrialRecord
ONE_MS = histogram.encode(histogram.of([1000]))


def found(trial: Trial, target: Target | None = None) -> dict[str, Reason]:
    return {reason.code: reason for reason in reasons(trial, target or runs.target(trial.spec.variant))}


def the_reason(trial: Trial, code: str, target: Target | None = None) -> Reason:
    reason = found(trial, target)[code]
    assert reason.weight == "invalid"
    assert reason.text
    assert reason.advice
    return reason


def generator(**changes: Any) -> Any:
    return runs.GENERATOR.model_copy(update=changes)


def test_a_sound_trial_has_no_reasons() -> None:
    assert found(runs.trial()) == {}


class TestErrors:
    """Above 0.1 %."""

    def test_two_in_a_thousand_are_too_many(self) -> None:
        trial = runs.trial(runs.spec(load=11), taken_us=[110_000] * 998, errors={"timeout": 1, "status 503": 1})
        assert the_reason(trial, "errors").text == "0.20% of 1000 requests failed: 1 × timeout, 1 × status 503"

    def test_eleven_in_ten_thousand_are_too_many(self) -> None:
        trial = runs.trial(runs.spec(load=110), taken_us=[110_000] * 9_989, errors={"reset": 11})
        assert "0.11% of 10000" in the_reason(trial, "errors").text

    def test_one_in_a_thousand_is_not(self) -> None:
        assert found(runs.trial(runs.spec(load=11), taken_us=[110_000] * 999, errors={"timeout": 1})) == {}

    def test_nothing_but_errors_is_no_measurement(self) -> None:
        trial = runs.trial(taken_us=[], errors={"refused": 3})
        assert "100.00% of 3 requests failed: 3 × refused" in the_reason(trial, "errors").text

    def test_no_requests_at_all_are_no_measurement(self) -> None:
        the_reason(runs.trial(taken_us=[]), "no-requests")


class TestBudget:
    """What was read back is what was declared."""

    def test_a_smaller_pool_than_declared_does_not_count(self) -> None:
        target = runs.target(budget_read=runs.BUDGET | {"db_pool": 5})
        reason = the_reason(runs.trial(), "budget", target)
        assert reason.text == "db_pool: declared 50, running with 5"

    def test_a_limit_that_was_not_declared_does_not_count(self) -> None:
        target = runs.target(budget_read=runs.BUDGET | {"connections": 64})
        assert the_reason(runs.trial(), "budget", target).text == "connections: declared None, running with 64"

    def test_a_service_that_tells_no_budget_is_not_held_to_one(self) -> None:
        assert found(runs.trial(runs.spec("mine", instrumented=False)), runs.external()) == {}


class TestOverlap:
    def test_a_proof_that_failed_is_told_with_what_was_seen(self) -> None:
        target = runs.target(proofs={"wait": runs.proof("the service held 19 of 20")})
        assert the_reason(runs.trial(), "overlap", target).text == "wait: the service held 19 of 20"

    def test_every_slow_call_overlapping_is_enough(self) -> None:
        assert found(runs.trial(), runs.target()) == {}

    def test_a_workload_that_did_not_overlap_says_nothing_of_another(self) -> None:
        proofs = runs.target().proofs
        target = runs.target(proofs={**proofs, "db": runs.proof("the service held 19 of 20")})
        assert found(runs.trial(), target) == {}

    def test_a_workload_that_was_not_tried_is_not_proven(self) -> None:
        assert the_reason(runs.trial(), "overlap", runs.target(proofs={})).text.startswith("wait: it was not seen")
        assert found(runs.trial(runs.spec("mine", instrumented=False)), runs.external()) == {}

    def test_the_neighbours_of_a_mixed_load_have_to_overlap_too(self) -> None:
        beside = Neighbours(path="/db?ms=50", body="", workload="db", params={"ms": 50}, share=0.1)
        target = runs.target(proofs={"db": runs.proof("the service held 19 of 20")})
        assert the_reason(runs.trial(runs.spec(beside=beside)), "overlap", target).text.startswith("db: ")


class TestAccounts:
    """Every request sent is one that the service says it answered."""

    def test_one_request_less_is_told(self) -> None:
        reason = the_reason(runs.trial(usage=runs.usage(908)), "accounts")
        assert reason.text == "909 requests sent, 908 answered by the service's own count"

    def test_one_request_more_is_told(self) -> None:
        the_reason(runs.trial(usage=runs.usage(910)), "accounts")

    def test_the_warm_up_is_counted_too(self) -> None:
        trial = runs.trial(warmup=Phase(good=90), usage=runs.usage(909 + 90))
        assert found(trial) == {}

    @pytest.mark.parametrize("lost", ["before", "after"])
    def test_a_service_that_gave_no_count_is_told(self, lost: str) -> None:
        usage = runs.usage(909).model_copy(update={lost: None})
        assert "did not give its own count" in the_reason(runs.trial(usage=usage), "accounts").text

    def test_a_service_that_counts_nothing_is_not_asked(self) -> None:
        trial = runs.trial(runs.spec("mine", instrumented=False), usage=Usage())
        assert found(trial, runs.external()) == {}


class TestLittlesLaw:
    """Rate x mean latency is the number of users, to 5 % and one latency in the window."""

    def test_users_who_idle_are_told(self) -> None:
        # 840 x 0.11 s / 10 s = 9.24 in flight of 10: 7.6 % off, where 5 % + 0.11 / 10 = 6.1 % are allowed
        reason = the_reason(runs.trial(taken_us=[110_000] * 840), "littles-law")
        assert reason.text.startswith("rate x mean latency gives 9.2 in flight for 10 users (8% off)")

    def test_more_in_flight_than_users_are_told(self) -> None:
        # 970 x 0.11 s / 10 s = 10.67: 6.7 % off
        the_reason(runs.trial(taken_us=[110_000] * 970), "littles-law")

    @pytest.mark.parametrize("count", [860, 960])
    def test_five_per_cent_are_not(self, count: int) -> None:
        # 9.46 and 10.56: 5.4 % and 5.6 % off
        assert "littles-law" not in found(runs.trial(taken_us=[110_000] * count))

    def test_a_window_of_two_waits_is_allowed_half_of_it(self) -> None:
        # 4 waits of 1 s of 3 users in 2 s: 2 in flight, 33 % off, where 5 % + 1 / 2 are allowed
        spec = runs.spec(params={"ms": 1000}, load=3)
        assert "littles-law" not in found(runs.trial(spec, taken_us=[1_000_000] * 4, window_s=2.0))


class TestCeiling:
    """10 users / 100 ms = 100 answers a second."""

    def test_more_than_arithmetic_allows_means_that_the_wait_was_skipped(self) -> None:
        # 1,040 in 10 s: 104 %, where 102 % and one wait of the window, 1 %, are allowed
        reason = the_reason(runs.trial(taken_us=[96_000] * 1040), "over-ceiling")
        assert reason.text == "104% of what arithmetic allows: the wait was skipped"

    def test_a_wave_at_the_edge_of_the_window_is_allowed(self) -> None:
        trial = runs.trial(taken_us=[98_000] * 1029)
        assert [(r.code, r.weight) for r in reasons(trial, runs.target())] == [("ceiling-bound", "note")]

    def test_at_the_ceiling_is_a_note_that_names_its_limit(self) -> None:
        reason = found(runs.trial(taken_us=[105_000] * 950))["ceiling-bound"]
        assert reason.weight == "note"
        assert reason.text.startswith("at 95% of the ceiling set by users")

    def test_a_little_below_the_ceiling_is_a_measurement(self) -> None:
        assert found(runs.trial(taken_us=[105_500] * 949)) == {}

    def test_the_budget_that_was_read_back_sets_the_ceiling(self) -> None:
        # 5 threads / 100 ms = 50 answers a second, which 48 a second of 10 users come near
        budget = {"workers": 1, "in_flight": 5}
        target = runs.target(budget=budget, budget_read=budget)
        reason = found(runs.trial(taken_us=[208_000] * 480), target)["ceiling-bound"]
        assert reason.text.startswith("at 96% of the ceiling set by in_flight")

    def test_what_does_not_wait_has_none(self) -> None:
        spec = runs.spec(workload="fast", params={})
        assert found(runs.trial(spec, taken_us=[1_000] * 100_000)) == {}


class TestArithmetic:
    def test_a_mean_above_the_99th_percentile_cannot_be(self) -> None:
        taken = runs.latency_of([110_000] * 909)
        assert taken is not None
        wrong = taken.model_copy(update={"sum_us": taken.sum_us + 909 * 2_500, "max_us": 112_000})
        the_reason(runs.trial().model_copy(update={"latency": wrong}), "arithmetic")  # reading refuses it before

    def test_a_mean_that_one_slow_answer_lifts_above_the_99th_percentile_can_be(self) -> None:
        # The mean is 1,109 us and p99 1,000 us: the slowest, 100,000 us, is under 1 % of the sample.
        spec = runs.spec(workload="fast", params={})
        trial = runs.trial(spec, taken_us=[1_000] * 9990 + [110_000] * 10)
        assert "arithmetic" not in found(trial)


class TestGenerator:
    def test_more_than_nine_tenths_of_its_core_are_too_much(self) -> None:
        assert "used 91% of its core" in the_reason(runs.trial(generator=generator(cpu_share=0.91)),
                                                    "generator-cpu").text  # fmt: skip

    def test_nine_tenths_of_its_core_are_not(self) -> None:
        assert found(runs.trial(generator=generator(cpu_share=0.9))) == {}

    def test_a_late_loop_is_too_late_beside_what_it_measures(self) -> None:
        # A tenth of the median, 110 ms, is 11 ms.
        assert "11.3 ms late" in the_reason(runs.trial(generator=generator(lag_p99_ms=11.3)), "generator-lag").text

    def test_a_late_loop_is_forgiven_beside_long_waits(self) -> None:
        assert found(runs.trial(generator=generator(lag_p99_ms=10.9))) == {}

    def test_ten_milliseconds_are_forgiven_in_any_case(self) -> None:
        spec = runs.spec(workload="fast", params={})
        fast = runs.trial(spec, taken_us=[1_000] * 100_000, generator=generator(lag_p99_ms=10.0))
        assert found(fast) == {}
        the_reason(fast.model_copy(update={"generator": generator(lag_p99_ms=10.1)}), "generator-lag")

    @pytest.mark.parametrize("share", [None, 0.0, 0.05])
    def test_a_twentieth_of_the_machine_s_time_may_go_to_others(self, share: float | None) -> None:
        assert found(runs.trial(stolen_share=share)) == {}

    def test_more_than_that_is_a_note(self) -> None:
        [reason] = reasons(runs.trial(stolen_share=0.0501), runs.target())
        assert (reason.code, reason.weight) == ("stolen", "note")
        assert reason.text == "the hypervisor gave 5% of this machine's processor time to others"

    @pytest.mark.parametrize(
        ("share", "advice"),
        [
            (0.05, "lower the load, or give it a quieter core"),
            (0.3, "the hypervisor gave 30% of this machine's processor time to others: try again when they are quiet"),
        ],
    )
    def test_lateness_beside_others_is_advised_of_them_and_not_of_the_load(self, share: float, advice: str) -> None:
        late = runs.trial(generator=generator(lag_p99_ms=30.0), stolen_share=share)
        assert the_reason(late, "generator-lag").advice == advice


class TestUpstream:
    """The remote API must never be the limit."""

    def with_upstream(self, cpu_s: float = 1.0, lag_ms: float = 1.0) -> Trial:
        def reading(at_s: float, cpu: float) -> dict[str, float]:
            return {"monotonic_s": at_s, "cpu_s": cpu, "loop_lag_ms": lag_ms}

        spec = runs.spec(workload="upstream", params={"ms": 100, "calls": 3})
        return runs.trial(spec, upstream=Usage(window_start=reading(5, 1), window_end=reading(15, 1 + cpu_s)))

    def test_a_remote_api_that_used_its_core_up_was_the_limit(self) -> None:
        assert "used 91% of a core" in the_reason(self.with_upstream(cpu_s=9.1), "upstream-limit").text

    def test_a_remote_api_that_ran_late_was_the_limit(self) -> None:
        assert "up to 251 ms late" in the_reason(self.with_upstream(lag_ms=251), "upstream-limit").text

    def test_a_remote_api_just_inside_both_limits_was_not(self) -> None:
        assert found(self.with_upstream(cpu_s=8.9, lag_ms=250)) == {}

    def test_a_remote_api_that_was_not_asked_is_not_judged(self) -> None:
        assert found(runs.trial(upstream=Usage())) == {}


class TestDisk:
    """909 answers of 64 KiB, and 91 in the warm-up."""

    ALL = 1000 * 64 * 1024

    def read(self, share: float | None, **changes: Any) -> Trial:
        spec = runs.spec(workload="disk", params={"kib": 64}, **changes)
        trial = runs.trial(spec, warmup=Phase(good=91), usage=runs.usage(1000))
        if share is None:
            return trial
        return trial.model_copy(update={"usage": runs.read_from_disk(trial.usage, round(share * self.ALL))})

    def test_what_came_from_memory_does_not_count(self) -> None:
        reason = the_reason(self.read(0.98), "disk")
        assert reason.text == "98% of what was answered was read from the disk: it came from memory, not from the disk"
        assert the_reason(self.read(0), "disk").text.startswith("0% of what")

    def test_ninety_nine_per_cent_are_enough(self) -> None:
        assert found(self.read(0.9901)) == {}
        assert found(self.read(1.2)) == {}

    def test_a_service_that_does_not_tell_does_not_count(self) -> None:
        assert "did not tell" in the_reason(self.read(None), "disk").text

    @pytest.mark.parametrize("lost", ["before", "after"])
    def test_nor_does_one_that_gave_half_a_count(self, lost: str) -> None:
        trial = self.read(1)
        usage = trial.usage.model_copy(update={lost: None})
        assert "did not tell" in the_reason(trial.model_copy(update={"usage": usage}), "disk").text

    def test_what_failed_need_not_have_been_read(self) -> None:
        trial = self.read(0.5)
        failed = trial.model_copy(update={"measured": Phase(good=409, errors={"timeout": 500})})
        assert set(found(failed)) == {"errors"}

    def test_other_workloads_and_services_that_count_nothing_are_not_asked(self) -> None:
        assert found(runs.trial()) == {}
        assert "disk" not in found(self.read(None, instrumented=False))


def test_a_disturbance_from_outside_spoils_a_trial() -> None:
    trial = runs.trial(disturbance="users were started or stopped from outside")
    assert the_reason(trial, "disturbed").text == "users were started or stopped from outside"


def test_a_trial_may_have_several_reasons() -> None:
    trial = runs.trial(
        taken_us=[110_000] * 500, errors={"reset": 500}, usage=runs.usage(500), generator=generator(cpu_share=1)
    )
    assert set(found(trial)) == {"errors", "accounts", "generator-cpu"}


def test_a_trial_without_a_single_good_answer_is_judged_without_its_latency() -> None:
    trial = runs.trial(taken_us=[], errors={"refused": 100}, usage=runs.usage(0), latency=None)
    assert set(found(trial)) == {"errors", "accounts"}


def test_time_outs_count_towards_latency_and_against_the_trial() -> None:
    taken = runs.latency_of([110_000] * 900 + [30_000_000] * 9)
    assert isinstance(taken, Latency)
    assert "errors" in found(runs.trial(taken_us=[110_000] * 900, errors={"timeout": 9}, latency=taken))


class TestArrivals:
    """An open loop sends what it meant to send, when it meant to."""

    SPEC = runs.spec(load=100, load_model="open", max_in_flight=50)

    def of(self, **changes: Any) -> Trial:
        return runs.open_trial(self.SPEC, taken_us=[110_000] * 990, **changes)

    def test_two_in_a_thousand_shed_are_too_many(self) -> None:
        assert "2 of 992" in the_reason(self.of(shed=2), "rate").text

    def test_one_in_a_thousand_is_not(self) -> None:
        assert found(runs.open_trial(self.SPEC, taken_us=[110_000] * 999, shed=1)) == {}

    def test_a_generator_that_sends_late_is_told(self) -> None:
        assert "10.1 ms" in the_reason(self.of(delay_p99_us=10_100), "dispatch-delay").text

    def test_ten_milliseconds_are_forgiven(self) -> None:
        assert found(self.of(delay_p99_us=10_000)) == {}

    def test_littles_law_is_for_users_and_the_offered_rate_is_no_ceiling_to_note(self) -> None:
        trial = runs.open_trial(self.SPEC, taken_us=[5_000_000] * 1000)
        assert found(trial) == {}

    def test_random_arrivals_may_be_more_than_the_rate_says(self) -> None:
        assert found(runs.open_trial(self.SPEC, taken_us=[110_000] * 1100)) == {}

    def test_more_answers_than_arrivals_cannot_be(self) -> None:
        trial = runs.open_trial(self.SPEC, taken_us=[110_000] * 1100)
        assert trial.arrivals is not None
        fewer = trial.model_copy(update={"arrivals": trial.arrivals.model_copy(update={"intended": 1099})})
        assert the_reason(fewer, "over-ceiling")

    SHORT = runs.spec(load=100, load_model="open", max_in_flight=50, measure_s=3.0)

    def with_ended(self, ended: int | None, taken_us: int = 110_000) -> Trial:
        """1,000 arrivals in ten seconds, of which so many came back in the window."""
        trial = runs.open_trial(self.SPEC, taken_us=[taken_us] * 1000)
        assert trial.arrivals is not None
        return trial.model_copy(update={"arrivals": trial.arrivals.model_copy(update={"ended": ended})})

    def test_answers_that_fall_behind_the_rate_are_told_though_all_were_sent(self) -> None:
        # 100/s x 110 ms = 11 under way; 990 - 3 x sqrt(2 x 11) = 975.9 have to come back.
        reason = the_reason(self.with_ended(975), "rate")
        assert reason.text == "975 answers came back in the window while 1000 requests were meant to go out"

    def test_one_per_cent_and_what_chance_allows_may_be_missing(self) -> None:
        assert found(self.with_ended(976)) == {}

    def test_where_nothing_waits_one_per_cent_may_be_missing_and_no_more(self) -> None:
        # 100/s x 1 us: nothing is under way by chance.
        assert "rate" not in found(self.with_ended(990, taken_us=1))
        the_reason(self.with_ended(989, taken_us=1), "rate")

    def test_a_queue_does_not_excuse_itself(self) -> None:
        """What may be under way goes by the first third: a service that queues answered more quickly then."""
        thirds = [20_000, 1_000_000, 2_000_000]
        trial = runs.open_trial(self.SPEC, taken_us=[2_000_000] * 1000, thirds_iqm_us=thirds)
        assert trial.arrivals is not None
        # 100/s x 20 ms = 2: 990 - 3 x sqrt(4) = 984 have to come back
        for ended, told in ((984, False), (983, True)):
            arrivals = trial.arrivals.model_copy(update={"ended": ended})
            assert ("rate" in found(trial.model_copy(update={"arrivals": arrivals}))) == told

    def test_a_record_that_does_not_say_what_came_back_is_not_judged_by_it(self) -> None:
        assert found(self.with_ended(None)) == {}

    def test_what_was_shed_is_told_once(self) -> None:
        trial = self.of(shed=100)
        assert trial.arrivals is not None
        behind = trial.model_copy(update={"arrivals": trial.arrivals.model_copy(update={"ended": 500})})
        assert [r.code for r in reasons(behind, runs.target())] == ["rate"]

    @pytest.mark.parametrize(("rate", "latency_s"), [(50, 0.1), (1000, 0.1), (20, 1.0)])
    def test_chance_alone_is_called_falling_behind_less_than_once_in_a_hundred(
        self, rate: int, latency_s: float
    ) -> None:
        """A service that keeps up for certain, under 2,000 Poisson schedules of a window of 3 s."""
        alarms = sum(self.poisson_falls_behind(np.random.default_rng(seed), rate, latency_s) for seed in range(2000))
        assert alarms < 20

    def poisson_falls_behind(self, rng: np.random.Generator, rate: int, latency_s: float) -> bool:
        warmup_s, window_s = 1.5, 3.0
        length_s = warmup_s + window_s
        # Given how many there are, arrivals of a Poisson process are uniform.
        starts = rng.uniform(-warmup_s, window_s, rng.poisson(rate * length_s))
        intended = int(np.sum(starts >= 0))
        ended = int(np.sum((starts + latency_s >= 0) & (starts + latency_s < window_s)))
        spec = self.SHORT.model_copy(update={"load": rate})
        thirds = [round(latency_s * 1e6)] * 3
        trial = runs.open_trial(spec, window_s=window_s, taken_us=[1_000], thirds_iqm_us=thirds)
        assert trial.arrivals is not None
        arrivals = trial.arrivals.model_copy(update={"intended": intended, "ended": ended})
        return "rate" in found(trial.model_copy(update={"arrivals": arrivals}))

    def test_a_service_that_does_nineteen_twentieths_of_the_rate_is_found_out(self) -> None:
        # 1,000/s for 10 s: 9,500 come back; 100 ms allow 9,900 - 3 x sqrt(200) = 9,857.6
        spec = runs.spec(load=1000, load_model="open", max_in_flight=5000)
        trial = runs.open_trial(spec, taken_us=[100_000] * 10_000)
        assert trial.arrivals is not None
        for ended in (9_500, math.floor(9_900 - 3 * math.sqrt(200))):
            arrivals = trial.arrivals.model_copy(update={"ended": ended})
            the_reason(trial.model_copy(update={"arrivals": arrivals}), "rate")


class TestContention:
    """The service takes 1 s of its core in the window of 10 s; what else the core did was not the service."""

    @staticmethod
    def busy(busy_s: float, cores: int = 1) -> Usage:
        usage = runs.usage(909)
        at = {"window_start": 100.0, "window_end": 100.0 + 10.0 * cores - busy_s}
        readings = {name: getattr(usage, name) | {"cores": cores, "cores_free_s": free} for name, free in at.items()}
        return usage.model_copy(update=readings)

    def test_more_than_a_tenth_of_the_services_core_is_too_much(self) -> None:
        reason = the_reason(runs.trial(usage=self.busy(2.2)), "contention")
        assert reason.text == "other processes took 12% of a core on the service's cores"

    def test_of_two_cores_it_is_a_tenth_of_one(self) -> None:
        the_reason(runs.trial(usage=self.busy(2.2, cores=2)), "contention")

    def test_from_a_twentieth_on_it_is_a_note(self) -> None:
        assert found(runs.trial(usage=self.busy(2.0)))["contention"].weight == "note"
        assert found(runs.trial(usage=self.busy(1.51)))["contention"].weight == "note"

    @pytest.mark.parametrize("busy_s", [1.5, 1.0, 0.9])
    def test_less_is_what_the_kernel_takes_itself(self, busy_s: float) -> None:
        assert found(runs.trial(usage=self.busy(busy_s))) == {}

    def test_the_same_holds_for_the_generators_cores(self) -> None:
        reason = the_reason(runs.trial(generator=generator(foreign_share=0.11)), "contention")
        assert reason.text == "other processes took 11% of a core on the generator's cores"
        assert found(runs.trial(generator=generator(foreign_share=0.1)))["contention"].weight == "note"
        assert found(runs.trial(generator=generator(foreign_share=0.05))) == {}

    def test_where_service_and_generator_share_cores_the_generators_figure_is_of_both(self) -> None:
        trial = runs.trial(usage=self.busy(9.0), generator=generator(cores=[1, 2]))
        assert "contention" not in found(trial, runs.target(info={"cores": [2]}))
        assert "contention" in found(trial, runs.target(info={"cores": [3]}))

    def test_of_a_disk_it_is_a_note_since_the_kernel_works_for_the_service(self) -> None:
        trial = runs.trial(runs.spec(workload="disk", params={"kib": 1}), usage=self.busy(9.0))
        assert found(trial)["contention"].weight == "note"

    def test_a_service_that_does_not_report_its_cores_is_not_judged(self) -> None:
        assert found(runs.trial()) == {}


class TestDatabase:
    @staticmethod
    def of(upstream: Usage | None = None) -> Trial:
        return runs.trial(runs.spec(workload="db"), upstream=upstream or runs.watched())

    def test_a_query_that_was_late_in_the_window_makes_the_database_the_limit(self) -> None:
        assert "200 ms later" in the_reason(self.of(runs.watched(0.2)), "database-limit").text

    def test_one_that_was_late_before_the_window_does_not(self) -> None:
        assert found(self.of(runs.watched(0.0))) == {}

    def test_a_database_that_nobody_watched_may_have_been_the_limit(self) -> None:
        the_reason(self.of(Usage()), "database-limit")

    def test_the_database_of_a_trial_that_needs_none_is_not_judged(self) -> None:
        assert found(runs.trial(upstream=runs.watched(9.0))) == {}


class TestStall:
    """Users wait 110 ms."""

    @staticmethod
    def silent(silence_s: float | None, **changes: Any) -> Trial:
        return runs.trial(longest_silence_s=silence_s, **changes)

    def test_a_second_without_any_response_is_a_note(self) -> None:
        reason = found(self.silent(1.0))["stall"]
        assert reason.weight == "note"
        assert reason.text == "no response for 1.0 s of 10 s, while requests were waiting (median latency 110 ms)"

    @pytest.mark.parametrize("silence_s", [0.0, 0.49, None])
    def test_half_a_second_is_not(self, silence_s: float | None) -> None:
        assert found(self.silent(silence_s)) == {}

    def test_responses_that_take_long_by_themselves_may_be_as_far_apart_as_three_of_them(self) -> None:
        slow = {"planned": runs.spec(params={"ms": 1000}), "taken_us": [1_100_000] * 91}
        assert found(self.silent(3.2, **slow)) == {}
        assert set(found(self.silent(3.4, **slow))) == {"stall"}


class TestOutliers:
    @staticmethod
    def of(*rates: float) -> list[Reason]:
        return list(outliers([runs.at_rate(runs.spec(repeat=n), rate) for n, rate in enumerate(rates, 1)]))

    def test_one_repeat_unlike_all_the_others_is_a_note(self) -> None:
        [reason] = self.of(39.3, 9.8, 39.4)
        assert (reason.code, reason.weight) == ("outlier", "note")
        assert reason.text == "repeat 2 had 9.8 good/s, the median of 3 repeats is 39.3"

    def test_one_that_is_quicker_is_one_too(self) -> None:
        assert len(self.of(20, 20, 30)) == 1

    @pytest.mark.parametrize(
        "rates",
        [(40, 40, 31), (40, 10), (40, 10, 20), (40, 40, 10, 10)],
        ids=["within a quarter", "two alone", "all differ", "two against two"],
    )
    def test_repeats_that_merely_vary_are_none(self, rates: tuple[float, ...]) -> None:
        assert self.of(*rates) == []


class TestStarved:
    """Users whose one request was under way for the whole window."""

    def test_one_of_a_hundred_is_told(self) -> None:
        reason = the_reason(runs.trial(runs.spec(load=100), spanning=1), "starved")
        assert reason.text == "1 of 100 users had no answer in the whole window, and are in no percentile"
        assert "starved" not in found(runs.trial(runs.spec(load=100), spanning=0))

    def test_of_a_trap_it_is_a_note(self) -> None:
        found = reasons(runs.trial(runs.spec(load=100), spanning=1), runs.target(kind="trap"))
        assert [reason.weight for reason in found if reason.code == "starved"] == ["note"]

    def test_of_thousands_one_in_a_thousand_is_not(self) -> None:
        planned = runs.spec(load=3000)
        assert ["starved" in found(runs.trial(planned, spanning=spanning)) for spanning in (3, 4)] == [False, True]

    def test_files_of_earlier_versions_do_not_tell(self) -> None:
        assert "starved" not in found(runs.trial(runs.spec(load=100), spanning=None))

    def test_open_loops_send_whoever_waits(self) -> None:
        planned = runs.spec(load=100, load_model="open", max_in_flight=500)
        assert "starved" not in found(runs.open_trial(planned, taken_us=[110_000] * 1000, spanning=9))

    def test_waits_longer_than_the_window_span_it_as_often_as_its_own_latencies_say(self) -> None:
        # 100 users, one after the other, of 5 s each: 40 of them send in a window of 2 s, and 60 are under way for all
        # of it, by 40 x (5 - 2) / 2. Of 97 less 60 three standard deviations are 37.6, and 0.1 may be missing.
        planned = runs.spec(params={"ms": 5000}, load=100, measure_s=2.0)
        taken = [5_000_000] * 40
        for spanning, told in ((60, False), (97, False), (98, True)):
            trial = runs.trial(planned, taken_us=taken, window_s=2.0, spanning=spanning)
            assert ("starved" in found(trial)) == told

    def test_chance_alone_is_not_called(self) -> None:
        """Users who are all served, with latencies about as long as the window: 100 made-up trials. Without what is
        allowed for the chance of either number it was 5 % of 2,000, and with it none."""
        alarms = 0
        for seed in range(100):
            rng, taken, spanning = random.Random(seed), [], 0
            for _ in range(50):
                at_s = -20.0 - rng.random()
                while at_s < 2.0:
                    ends_s = at_s + 0.2 + rng.expovariate(1.0)
                    if at_s >= 0:
                        taken.append(round((ends_s - at_s) * 1e6))
                    spanning += at_s < 0 and ends_s >= 2.0
                    at_s = ends_s
            planned = runs.spec(params={"ms": 200}, load=50, measure_s=2.0)
            alarms += "starved" in found(runs.trial(planned, taken_us=taken, window_s=2.0, spanning=spanning))
        assert alarms <= 1


class TestWhatWasMeasuredExactly:
    def test_users_who_idled_are_found_out_however_long_the_wait(self) -> None:
        planned = runs.spec(load=100, measure_s=2.0)
        for occupancy, idle in ((94.9, True), (95.1, False), (105.1, True)):
            trial = runs.trial(planned, taken_us=[110_000] * 1818, window_s=2.0, occupancy=occupancy)
            assert ("littles-law" in found(trial)) == idle

    def test_an_arrival_that_was_forgotten_is_told(self) -> None:
        planned = runs.spec(load=100, load_model="open", max_in_flight=50)
        trial = runs.open_trial(planned, taken_us=[110_000] * 1000)
        assert trial.arrivals is not None
        for scheduled, codes in ((1000, []), (1001, ["rate"])):
            arrivals = trial.arrivals.model_copy(update={"scheduled": scheduled})
            changed = trial.model_copy(update={"arrivals": arrivals})
            assert [r.code for r in reasons(changed, runs.target())] == codes

    def test_one_answer_before_its_time_proves_that_a_wait_was_cut_short(self) -> None:
        for least_us, cut in ((98_001, False), (97_999, True)):
            trial = runs.trial(runs.spec(load=100), taken_us=[least_us] + [110_000] * 908)
            assert ("over-ceiling" in found(trial)) == cut

    def test_a_remote_api_that_gave_no_figures_does_not_go_unseen(self) -> None:
        planned = runs.spec(workload="upstream", params={"ms": 100}, load=100, uses_upstream=True)
        assert "upstream-limit" in found(runs.trial(planned, taken_us=[110_000] * 909, upstream=Usage()))


class TestDrift:
    """Latency in the last third of the window beside that in the first."""

    def of(self, first: int | None, last: int | None, count: int = 909, share: float = 0.5) -> Trial:
        """`share`: how much of the way is gone in the middle third."""
        middle = None if first is None or last is None else round(first + share * (last - first))
        return runs.trial(
            runs.spec(load=round(count * 0.011)), taken_us=[110_000] * count, thirds_iqm_us=[first, middle, last]
        )

    @pytest.mark.parametrize("edges", [(100_000, 150_100), (150_100, 100_000)])
    def test_half_as_much_again_is_no_steady_state_whether_up_or_down(self, edges: tuple[int, int]) -> None:
        reason = the_reason(self.of(*edges), "drift")
        assert reason.text == f"typical latency went from {edges[0] / 1000:.0f} to {edges[1] / 1000:.0f} ms " + (
            "within the window"
        )

    @pytest.mark.parametrize("edges", [(100_000, 150_000), (100_000, 120_100), (120_100, 100_000)])
    def test_from_a_fifth_to_a_half_is_a_note(self, edges: tuple[int, int]) -> None:
        assert [(r.code, r.weight) for r in reasons(self.of(*edges), runs.target())] == [("drift", "note")]

    def test_of_a_trap_it_is_a_note(self) -> None:
        found = reasons(self.of(100_000, 200_000), runs.target(kind="trap"))
        assert [reason.weight for reason in found if reason.code == "drift"] == ["note"]

    @pytest.mark.parametrize("edges", [(100_000, 120_000), (120_000, 100_000)])
    def test_a_fifth_is_none(self, edges: tuple[int, int]) -> None:
        assert found(self.of(*edges)) == {}

    def test_five_milliseconds_are_none_however_fast_the_answers(self) -> None:
        assert found(self.of(1_000, 6_000)) == {}
        the_reason(self.of(1_000, 6_001), "drift")

    def test_fewer_than_ninety_answers_tell_nothing(self) -> None:
        assert found(self.of(100_000, 200_000, count=89)) == {}
        the_reason(self.of(100_000, 200_000, count=90), "drift")

    @pytest.mark.parametrize(("share", "drifts"), [(0.19, False), (0.2, True), (1.2, True), (1.21, False)])
    def test_a_stall_in_one_third_is_no_drift_since_the_middle_has_to_be_on_the_way(
        self, share: float, drifts: bool
    ) -> None:
        for edges in ((100_000, 200_000), (200_000, 100_000)):
            assert ("drift" in found(self.of(*edges, share=share))) == drifts

    @pytest.mark.parametrize("edges", [(None, 200_000), (100_000, None)])
    def test_a_third_without_answers_tells_nothing(self, edges: tuple[int | None, int | None]) -> None:
        assert found(self.of(*edges)) == {}

    def test_a_record_without_thirds_tells_nothing(self) -> None:
        assert found(runs.trial(thirds_iqm_us=[])) == {}
