"""Comparison of the trials of a run: ranking, validity, missing trials, figures and order."""

from collections.abc import Mapping, Sequence

import pytest

from tests.made_up import runs
from waitbench.analysis.cells import Cell
from waitbench.analysis.comparison import Comparison, compare
from waitbench.analysis.points import Point
from waitbench.records.spec import TrialSpec
from waitbench.records.trial import TrialRecord
from waitbench.report.words.sections import standing_word
from waitbench.report.words.summary import answers

FLASK, DJANGO, FASTAPI = "flask-threads", "django-gevent", "fastapi-asyncio"
NO_ORDER = "highest, not significant"


def made(trials: Sequence[TrialRecord], more: Sequence[TrialSpec] = (), **changes: object) -> Comparison:
    """A comparison of `trials`, in a run that also planned `more`."""
    specs = [trial.spec for trial in trials] + list(more)
    return compare(runs.run_record(specs, **changes), trials)  # type: ignore[arg-type]


def at_rates(rates: Mapping[str, Sequence[float]], load: int = 10) -> list[TrialRecord]:
    """One repeat for each rate of each contender."""
    return [
        runs.at_rate(runs.spec(variant, repeat=repeat, load=load), rps)
        for variant, each in rates.items()
        for repeat, rps in enumerate(each, 1)
    ]


def only_point(comparison: Comparison) -> Point:
    [section] = comparison.sections
    [point] = section.points
    return point


def cell_of(comparison: Comparison, variant: str) -> Cell:
    [cell] = [cell for cell in comparison.cells if cell.variant == variant]
    return cell


def words(point: Point) -> dict[str, str]:
    return {cell.variant: standing_word(point, cell) for cell in point.cells}


class TestRanking:
    def test_the_highest_goodput_is_best_and_the_others_are_compared_with_it(self) -> None:
        point = only_point(made(at_rates({FLASK: [40, 41, 42], DJANGO: [80, 82, 84], FASTAPI: [20, 20.5, 21]})))
        assert point.best is not None
        assert point.best.variant == DJANGO
        assert words(point) == {FLASK: "0.50x best", DJANGO: "highest", FASTAPI: "0.25x best"}
        assert {s.cell.variant: s.verdict for s in point.standings} == {
            FLASK: "slower",
            DJANGO: None,
            FASTAPI: "slower",
        }

    def test_rates_that_differ_less_than_the_noise_are_inconclusive(self) -> None:
        point = only_point(made(at_rates({FLASK: [70, 80, 60], DJANGO: [75, 65, 80]})))
        assert words(point) == {FLASK: "inconclusive (0.95x best)", DJANGO: NO_ORDER}

    def test_rates_that_are_almost_equal_tie(self) -> None:
        point = only_point(made(at_rates({FLASK: [80.0, 82.0, 84.0], DJANGO: [80.1, 82.1, 84.1]})))
        assert words(point) == {FLASK: "tie", DJANGO: NO_ORDER}

    def test_a_slow_repeat_of_both_does_not_hide_a_difference(self) -> None:
        point = only_point(made(at_rates({FLASK: [40, 20, 10], DJANGO: [80, 40, 20]})))
        [flask] = [s for s in point.standings if s.cell.variant == FLASK]
        assert flask.ratio is not None
        assert (flask.ratio.mean, flask.ratio.low, flask.ratio.high) == pytest.approx((0.5, 0.5, 0.5))
        assert flask.verdict == "slower"

    def test_one_repeat_ranks_nothing(self) -> None:
        point = only_point(made(at_rates({FLASK: [40], DJANGO: [80]})))
        assert words(point) == {FLASK: "inconclusive (0.50x best)", DJANGO: NO_ORDER}

    def test_contenders_are_paired_only_in_the_repeats_that_both_have(self) -> None:
        trials = at_rates({FLASK: [40, 42], DJANGO: [80, 84, 20]})
        point = only_point(made(trials, [runs.spec(FLASK, repeat=3)]))
        [flask] = [s for s in point.standings if s.cell.variant == FLASK]
        assert flask.ratio is not None
        assert flask.ratio.mean == pytest.approx(0.5)

    def test_contenders_without_a_repeat_in_common_are_not_compared(self) -> None:
        trials = [
            runs.at_rate(runs.spec(FLASK, repeat=1), 40),
            runs.at_rate(runs.spec(DJANGO, repeat=2), 80),
        ]
        comparison = made(trials)
        assert words(only_point(comparison)) == {FLASK: "inconclusive", DJANGO: NO_ORDER}
        assert "Not significantly behind: Flask on threads (no repeat in common)." in answers(comparison)[0]


class TestCeiling:
    def test_a_point_with_all_at_the_ceiling_ranks_nothing(self) -> None:
        point = only_point(made(at_rates({FLASK: [97, 97, 97], DJANGO: [99, 99, 99]})))
        assert point.ceiling_bound
        assert set(words(point).values()) == {"at maximum, not ranked"}
        assert {s.verdict for s in point.standings} == {"tie", None}

    def test_one_at_the_ceiling_does_not_make_it_a_tie(self) -> None:
        point = only_point(made(at_rates({FLASK: [49, 50, 51], DJANGO: [98, 99, 99]})))
        assert not point.ceiling_bound
        assert words(point) == {FLASK: "0.51x best", DJANGO: "highest, at maximum"}

    def test_most_of_the_trials_decide(self) -> None:
        comparison = made(at_rates({FLASK: [97, 97, 90], DJANGO: [97, 90, 90]}))
        assert cell_of(comparison, FLASK).ceiling_bound
        assert not cell_of(comparison, DJANGO).ceiling_bound

    def test_a_trial_far_below_the_ceiling_prevents_a_tie(self) -> None:
        point = only_point(made(at_rates({FLASK: [98, 98, 25], DJANGO: [98, 98, 99]})))
        assert not cell_of(made(at_rates({FLASK: [98, 98, 25]})), FLASK).ceiling_bound
        assert not point.ceiling_bound


class TestInvalid:
    def test_an_invalid_cell_is_never_the_best(self) -> None:
        trials = at_rates({FLASK: [40, 41, 42]})
        trials += [runs.trial(runs.spec(DJANGO, repeat=n), errors={"reset": 500}) for n in (1, 2, 3)]
        comparison = made(trials)
        point = only_point(comparison)
        assert cell_of(comparison, DJANGO).goodput.mean > cell_of(comparison, FLASK).goodput.mean
        assert point.best is cell_of(comparison, FLASK)
        assert words(point) == {FLASK: "only valid contender", DJANGO: "not counted: errors"}
        assert not comparison.all_valid

    def test_one_invalid_trial_makes_its_cell_invalid(self) -> None:
        trials = at_rates({FLASK: [80, 80, 80]})
        trials[1] = trials[1].model_copy(update={"disturbance": "stopped from outside"})
        assert not cell_of(made(trials), FLASK).valid

    def test_without_valid_cells_there_is_no_best(self) -> None:
        trials = [runs.trial(runs.spec(v), taken_us=[], errors={"refused": 9}) for v in (FLASK, DJANGO)]
        comparison = made(trials)
        assert only_point(comparison).best is None
        assert not only_point(comparison).ceiling_bound
        assert answers(comparison) == ["A plain wait (ms = 100), 10 users: no valid figure."]

    def test_the_same_reason_of_several_trials_is_reported_once(self) -> None:
        trials = [t.model_copy(update={"disturbance": "stopped"}) for t in at_rates({FLASK: [80, 80]})]
        assert [r.code for r in cell_of(made(trials), FLASK).reasons] == ["disturbed"]

    def test_a_note_does_not_make_a_run_invalid(self) -> None:
        assert made(at_rates({FLASK: [97, 97], DJANGO: [97, 97]})).all_valid

    def test_a_run_without_planned_trials_is_not_valid(self) -> None:
        run = runs.run_record([runs.spec(FLASK)]).model_copy(update={"trials": []})
        assert not compare(run, []).all_valid


class TestMissing:
    def test_a_complete_run_has_no_message_about_its_end(self) -> None:
        assert made(at_rates({FLASK: [80]})).state == ""

    def test_missing_trials_are_counted_by_contender_and_make_the_run_invalid(self) -> None:
        left = [runs.spec(DJANGO, repeat=1), runs.spec(DJANGO, repeat=2), runs.spec(FLASK, repeat=2)]
        comparison = made(at_rates({FLASK: [80]}), left, status="interrupted", message="interrupted from outside")
        assert comparison.missing == left
        assert not comparison.all_valid
        assert comparison.state == (
            "This run was interrupted: interrupted from outside. 1 of 4 trials are here; "
            "missing: django-gevent 2, flask-threads 1."
        )

    def test_a_run_that_failed_says_why(self) -> None:
        comparison = made(at_rates({FLASK: [80]}), [runs.spec(DJANGO)], status="failed", message="it died")
        assert comparison.state == "This run failed: it died. 1 of 2 trials are here; missing: django-gevent 1."

    def test_a_killed_run_and_a_running_one_are_distinguished(self) -> None:
        run = runs.run_record([runs.spec(FLASK), runs.spec(DJANGO)], status="running")
        trials = at_rates({FLASK: [80]})
        killed, running = (compare(run, trials, stale=stale).state for stale in (True, False))
        assert killed.startswith("This run was killed before it recorded its end. 1 of 2")
        assert running.startswith("This run is still running. 1 of 2")

    def test_a_trial_file_that_was_removed_from_a_complete_run_is_missing(self) -> None:
        comparison = made(at_rates({FLASK: [80]}), [runs.spec(DJANGO)])
        assert comparison.state == "This run is complete. 1 of 2 trials are here; missing: django-gevent 1."

    def test_a_run_without_a_single_trial_can_be_compared(self) -> None:
        comparison = made([], [runs.spec(FLASK)], status="failed", message="no")
        assert (comparison.sections, answers(comparison)) == ([], [])
        assert comparison.state == "This run failed: no. 0 of 1 trials are here; missing: flask-threads 1."

    def test_a_cell_knows_how_many_trials_were_planned(self) -> None:
        cell = cell_of(made(at_rates({FLASK: [80, 80]}), [runs.spec(FLASK, repeat=3)]), FLASK)
        assert (len(cell.trials), cell.planned) == (2, 3)


class TestFigures:
    def test_goodput_is_the_mean_over_trials_with_the_interval_of_the_trials(self) -> None:
        # 79, 80 and 81: mean 80, s 1, 4.302653 / sqrt(3) = 2.484138
        found = cell_of(made(at_rates({FLASK: [79, 80, 81]})), FLASK).goodput
        assert found.mean == pytest.approx(80)
        assert (found.low, found.high) == pytest.approx((80 - 2.484138, 80 + 2.484138))

    def test_goodput_counts_only_good_responses(self) -> None:
        trial = runs.trial(taken_us=[110_000] * 500, errors={"timeout": 500})
        assert cell_of(made([trial]), FLASK).goodput.mean == 50

    def test_percentiles_are_of_all_requests_together_and_never_an_average(self) -> None:
        # The slow trial's p90 is 1,000 ms and the fast one's 100 ms; their average would be 550 ms. Only 50 of the
        # 1,000 requests took 1,000 ms, which is beyond p90. So the p90 is 100 ms.
        fast = runs.trial(runs.spec(repeat=1), taken_us=[100_000] * 900)
        slow = runs.trial(runs.spec(repeat=2), taken_us=[100_000] * 50 + [1_000_000] * 50)
        cell = cell_of(made([fast, slow]), FLASK)
        assert cell.percentile_ms("p90") == pytest.approx(100, rel=0.001)
        assert cell.percentile_ms("p99") == pytest.approx(1000, rel=0.001)

    def test_mean_and_maximum_are_exact(self) -> None:
        trials = [
            runs.trial(runs.spec(repeat=1), taken_us=[100_000] * 3),
            runs.trial(runs.spec(repeat=2), taken_us=[200_001]),
        ]
        cell = cell_of(made(trials), FLASK)
        assert cell.mean_ms == pytest.approx(500.001 / 4)
        assert cell.max_ms == 200.001

    @pytest.mark.parametrize(("name", "needed"), [("p50", 20), ("p90", 100), ("p95", 200), ("p99", 1000)])
    def test_a_percentile_of_too_small_a_sample_is_empty_with_the_number_needed(self, name: str, needed: int) -> None:
        short = cell_of(made([runs.trial(taken_us=[110_000] * (needed - 1))]), FLASK)
        assert short.percentile_ms(name) is None
        assert short.samples_short(name) == 1
        enough = cell_of(made([runs.trial(taken_us=[110_000] * needed)]), FLASK)
        assert enough.percentile_ms(name) == pytest.approx(110, rel=0.001)
        assert enough.samples_short(name) == 0

    def test_an_interval_of_a_percentile_is_over_the_percentiles_of_the_trials(self) -> None:
        # 100, 200 and 400 ms: geometric mean 200; logarithms are ln 2 apart, s = ln 2, 4.302653 / sqrt(3) = 2.484138.
        trials = [runs.trial(runs.spec(repeat=n), taken_us=[ms * 1000] * 1000) for n, ms in
                  ((1, 100), (2, 200), (3, 400))]  # fmt: skip
        cell = cell_of(made(trials), FLASK)
        for name in ("p50", "p99"):
            found = cell.percentile_interval(name)
            assert found is not None
            assert found.mean == pytest.approx(200, rel=0.001)
            assert (found.low, found.high) == pytest.approx((200 / 2**2.484138, 200 * 2**2.484138), rel=0.002)

    def test_a_percentile_has_no_interval_if_one_trial_is_too_small_for_it(self) -> None:
        trials = [runs.trial(runs.spec(repeat=n), taken_us=[110_000] * (1001 - n)) for n in (1, 2)]
        cell = cell_of(made(trials), FLASK)
        assert cell.percentile_ms("p99") is not None
        assert cell.percentile_interval("p99") is None
        assert cell.percentile_interval("p50") is not None
        trials[1] = runs.trial(runs.spec(repeat=2), taken_us=[], errors={"refused": 5})
        assert cell_of(made(trials), FLASK).percentile_interval("p50") is None

    def test_the_percentile_of_one_trial_has_no_bounds(self) -> None:
        found = cell_of(made([runs.trial(taken_us=[110_000] * 1000)]), FLASK).percentile_interval("p99")
        assert found is not None
        assert (found.low, found.high) == (None, None)

    def test_trials_together_can_be_large_enough_for_a_percentile(self) -> None:
        trials = [runs.trial(runs.spec(repeat=n), taken_us=[110_000] * 400) for n in (1, 2, 3)]
        assert cell_of(made(trials), FLASK).percentile_ms("p99") is not None

    def test_cpu_is_reported_per_thousand_responses(self) -> None:
        # 0.5 s for 1,000 responses and 2.5 s for 3,000
        trials = [
            runs.trial(runs.spec(repeat=1), taken_us=[100_000] * 1000, cpu_s=0.5),
            runs.trial(runs.spec(repeat=2), taken_us=[33_333] * 3000, cpu_s=2.5),
        ]
        assert cell_of(made(trials), FLASK).cpu_s_per_1k == pytest.approx(3.0 / 4)

    def test_memory_is_the_highest_peak_of_its_trials(self) -> None:
        trials = [
            runs.trial(runs.spec(repeat=n), peak_rss_bytes=mib * 2**20) for n, mib in ((1, 80), (2, 120), (3, 90))
        ]
        assert cell_of(made(trials), FLASK).peak_rss_mib == 120

    def test_memory_per_request_is_the_maximum_of_its_trials(self) -> None:
        # The idle service takes 60 MiB, and at most ten requests are in flight: 20, 60 and 30 MiB more.
        trials = [
            runs.trial(runs.spec(repeat=n), peak_rss_bytes=mib * 2**20) for n, mib in ((1, 80), (2, 120), (3, 90))
        ]
        assert cell_of(made(trials), FLASK).kib_per_request == 60 * 1024 / 10

    def test_memory_below_the_idle_value_is_zero_and_without_a_reading_it_is_unknown(self) -> None:
        trial = runs.trial(peak_rss_bytes=50 * 2**20)
        assert cell_of(made([trial]), FLASK).kib_per_request == 0
        assert trial.usage.after is not None
        lost = [trial.usage.model_copy(update={moment: None}) for moment in ("before", "after")]
        for usage in lost:
            assert cell_of(made([trial.model_copy(update={"usage": usage})]), FLASK).kib_per_request is None

    @pytest.mark.parametrize(("held", "kib"), [(0.0, None), (1.0, None), (9.0, None), (10.0, 2048.0)])
    def test_memory_per_request_is_not_reported_for_fewer_than_ten_in_flight(
        self, held: float, kib: float | None
    ) -> None:
        # It takes 20 MiB more than the 60 MiB when idle.
        trial = runs.trial(peak_rss_bytes=80 * 2**20)
        usage = runs.changed_readings(trial.usage, after={"peak_in_flight": held})
        assert cell_of(made([trial.model_copy(update={"usage": usage})]), FLASK).kib_per_request == kib

    def test_a_service_without_usage_figures_has_no_cost(self) -> None:
        trial = runs.trial(runs.spec("mine", instrumented=False), usage=runs.NO_USAGE)
        cell = cell_of(made([trial], targets=[runs.external()]), "mine")
        assert (cell.cpu_s_per_1k, cell.peak_rss_mib) == (None, None)
        assert cell.valid

    def test_a_cell_without_good_responses_has_no_latency(self) -> None:
        cell = cell_of(made([runs.trial(taken_us=[], errors={"refused": 5})]), FLASK)
        assert (cell.mean_ms, cell.max_ms, cell.percentile_ms("p50"), cell.goodput.mean) == (None, None, None, 0)


class TestChance:
    """The number of comparisons in a report, and the expected false positives if all contenders were equal."""

    def test_each_contender_is_compared_with_the_best_and_the_cost_once(self) -> None:
        chance = made(at_rates({FLASK: [40, 41, 42], DJANGO: [80, 82, 84], FASTAPI: [20, 20.5, 21]})).chance
        # Two with the best and one of cost: 3 x 5 %. Three pairs by rate and three by cost: 6 x 5 %.
        assert chance.comparisons == 3
        assert (chance.least, chance.most) == pytest.approx((0.15, 0.3))

    def test_with_two_contenders_both_bounds_are_equal(self) -> None:
        chance = made(at_rates({FLASK: [40, 41, 42], DJANGO: [80, 82, 84]})).chance
        assert chance.comparisons == 2
        assert (chance.least, chance.most) == pytest.approx((0.1, 0.1))

    def test_at_the_ceiling_only_the_cost_is_compared(self) -> None:
        assert made(at_rates({FLASK: [97, 97, 97], DJANGO: [99, 99, 99]})).chance.comparisons == 1

    def test_ratios_without_an_interval_are_not_counted(self) -> None:
        assert made(at_rates({FLASK: [40], DJANGO: [80]})).chance.comparisons == 0


class TestOrder:
    def test_sections_loads_and_contenders_are_in_the_order_of_the_plan_not_of_the_blocks(self) -> None:
        planned = [
            runs.spec(variant, workload, params, load, block=block)
            for block, (workload, params, load) in enumerate(
                [("wait", {"ms": 100}, 10), ("wait", {"ms": 100}, 5), ("db", {"ms": 50}, 10), ("wait", {"ms": 5}, 1)], 1
            )
            for variant in (FLASK, DJANGO)
        ]
        run = runs.run_record(planned)
        back = planned[::-1]
        comparison = compare(run.model_copy(update={"trials": back}), [runs.trial(s, taken_us=[1]) for s in back])
        assert [section.key for section in comparison.sections] == ["wait-ms100", "db-ms50", "wait-ms5"]
        assert [point.load for point in comparison.sections[0].points] == [5, 10]
        assert [cell.variant for cell in comparison.sections[0].points[0].cells] == [FLASK, DJANGO]

    def test_the_top_of_a_section_is_its_highest_load(self) -> None:
        comparison = made(at_rates({FLASK: [400]}, load=50) + at_rates({FLASK: [80]}, load=10))
        assert comparison.sections[0].top.load == 50


class TestOpenLoop:
    """The rate is given, so contenders differ in latency."""

    @staticmethod
    def at_latencies(taken_ms: Mapping[str, Sequence[int]]) -> list[TrialRecord]:
        return [
            runs.open_trial(runs.spec(variant, repeat=repeat, load=100, load_model="open"), taken_us=[ms * 1000] * 1000)
            for variant, each in taken_ms.items()
            for repeat, ms in enumerate(each, 1)
        ]

    def test_the_fastest_is_the_best_and_the_others_are_compared_by_latency(self) -> None:
        comparison = made(
            self.at_latencies({FLASK: [200, 210, 205], DJANGO: [100, 105, 102], FASTAPI: [100, 106, 102]})
        )
        point = only_point(comparison)
        assert words(point) == {FLASK: "2.00x best p99", DJANGO: "lowest p99", FASTAPI: "tie"}
        assert {s.cell.variant: s.verdict for s in point.standings}[FLASK] == "slower"
        assert "Significantly slower: Flask on threads at 2.00x (" in answers(comparison)[0]

    def test_the_same_workload_under_both_loads_makes_two_sections(self) -> None:
        comparison = made(self.at_latencies({FLASK: [100]}) + at_rates({FLASK: [80]}))
        assert [section.key for section in comparison.sections] == ["wait-ms100-open", "wait-ms100"]
        assert "open loop" in comparison.sections[0].title

    def test_all_are_compared_by_the_same_percentile(self) -> None:
        """If one trial has one request too few for a p99, all contenders are compared by the median."""
        slow_tail = [100_000] * 980 + [300_000] * 20
        trials = [
            runs.open_trial(runs.spec(variant, repeat=repeat, load=100, load_model="open"), taken_us=taken)
            for repeat in (1, 2, 3)
            for variant, taken in ((FLASK, slow_tail), (DJANGO, slow_tail[1:]))
        ]
        point = only_point(made(trials))
        assert point.percentile == "p50"
        assert {s.ratio.mean for s in point.standings if s.ratio} == {1.0}


class TestReferencesAndTraps:
    """References and traps are compared with the best contender, and are never the best themselves."""

    GO = runs.target("go", title="Go", kind="reference", framework="net/http", model="goroutines")
    TRAP = runs.target("trap", title="A trap", kind="trap", proofs={"wait": runs.proof("20 calls in a row")})

    def compared(self, rates: Mapping[str, Sequence[float]]) -> Comparison:
        trials = at_rates(rates)
        own = [runs.target(name) for name in rates if name not in ("go", "trap")]
        return made(trials, targets=[*own, self.GO, self.TRAP])

    def test_a_faster_reference_is_shown_as_a_reference_and_does_not_change_the_ranking(self) -> None:
        comparison = self.compared({FLASK: [40, 41, 42], FASTAPI: [20, 20.5, 21], "go": [80, 82, 84]})
        found = words(only_point(comparison))
        assert found == {FLASK: "highest", FASTAPI: "0.50x best", "go": "reference: 2.00x best"}
        [line] = answers(comparison)
        assert "Flask on threads has the highest throughput of the contenders, 41 good responses/s" in line
        assert " For reference: Go at 2.00x (95 % CI 2.00–2.00" in line

    def test_a_trap_that_was_seen_to_block_counts_and_is_shown_as_a_trap(self) -> None:
        comparison = self.compared({FLASK: [40, 41, 42], "trap": [4, 4.1, 4.2]})
        assert words(only_point(comparison)) == {FLASK: "only valid contender", "trap": "trap: 0.10x best"}
        assert [r.code for r in cell_of(comparison, "trap").reasons] == ["trap"]
        assert " A trap: A trap at 0.10x (95 % CI 0.10–0.10)." in answers(comparison)[0]

    def test_contenders_at_the_same_ceiling_tie_even_if_a_trap_is_far_below(self) -> None:
        comparison = self.compared({FLASK: [97, 97, 97], DJANGO: [99, 99, 99], "trap": [4, 4.1, 4.2]})
        point = only_point(comparison)
        assert point.ceiling_bound
        assert words(point) == {
            FLASK: "at maximum, not ranked",
            DJANGO: "at maximum, not ranked",
            "trap": "trap: 0.04x best",
        }

    def test_contenders_at_different_ceilings_are_ranked(self) -> None:
        one_at_a_time = runs.target(
            DJANGO, budget={**runs.BUDGET, "in_flight": 1}, budget_read={**runs.BUDGET, "in_flight": 1}
        )
        comparison = made(
            at_rates({FLASK: [97, 97, 97], DJANGO: [9.8, 9.8, 9.8]}), targets=[runs.target(FLASK), one_at_a_time]
        )
        point = only_point(comparison)
        assert not point.ceiling_bound
        assert words(point) == {
            FLASK: "highest, at maximum",
            DJANGO: "0.10x best, at maximum",
        }


def test_the_trials_of_a_search_do_not_count_for_a_cell_at_the_same_rate() -> None:
    plain = [
        runs.open_trial(runs.spec(FLASK, repeat=n, load=100, load_model="open"), taken_us=[110_000] * 1000)
        for n in (1, 2)
    ]
    [cell] = made([*plain, runs.knee_trial(FLASK, 100, met=True, block=9)]).cells
    assert (len(cell.trials), cell.planned) == (2, 2)


def test_services_on_more_cores_have_a_separate_section() -> None:
    specs = [
        runs.spec(FLASK + ("-2cpu" if cpus else ""), repeat=repeat, service_cpus=cpus)
        for cpus in (0, 2)
        for repeat in (1, 2, 3)
    ]
    two = runs.target(FLASK + "-2cpu", variant=FLASK, cpus=2)
    comparison = made([runs.trial(spec) for spec in specs], targets=[runs.target(FLASK), two])
    assert [(section.key, section.title) for section in comparison.sections] == [
        ("wait-ms100", "A plain wait (ms = 100)"),
        ("wait-ms100-2cpu", "A plain wait (ms = 100, 2 cores)"),
    ]
