"""From a run's files to what may be said of them."""

from collections.abc import Mapping, Sequence

import pytest

from tests.made_up import runs
from waitbench.analysis.cells import Cell
from waitbench.analysis.comparison import Comparison, compare
from waitbench.analysis.points import Point
from waitbench.records.spec import TrialSpec
from waitbench.records.trial import TrialRecord, Usage
from waitbench.report.summary import answers
from waitbench.report.words import standing_word

FLASK, DJANGO, FASTAPI = "flask-threads", "django-gevent", "fastapi-asyncio"
NO_ORDER = "most, by no difference that holds"


def made(trials: Sequence[TrialRecord], more: Sequence[TrialSpec] = (), **changes: object) -> Comparison:
    """A comparison of `trials`, in a run that planned `more` besides."""
    specs = [trial.spec for trial in trials] + list(more)
    return compare(runs.run_record(specs, **changes), trials)  # type: ignore[arg-type]


def at_rates(rates: Mapping[str, Sequence[float]], load: int = 10) -> list[TrialRecord]:
    """A repeat for each rate of each contender."""
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
    def test_the_best_is_the_one_that_answers_most_and_the_others_are_told_against_it(self) -> None:
        point = only_point(made(at_rates({FLASK: [40, 41, 42], DJANGO: [80, 82, 84], FASTAPI: [20, 20.5, 21]})))
        assert point.best is not None
        assert point.best.variant == DJANGO
        assert words(point) == {FLASK: "0.50 of the most", DJANGO: "most", FASTAPI: "0.25 of the most"}
        assert {s.cell.variant: s.verdict for s in point.standings} == {
            FLASK: "slower",
            DJANGO: None,
            FASTAPI: "slower",
        }

    def test_rates_that_differ_less_than_the_noise_are_inconclusive(self) -> None:
        point = only_point(made(at_rates({FLASK: [70, 80, 60], DJANGO: [75, 65, 80]})))
        assert words(point) == {FLASK: "inconclusive (0.95 of the most)", DJANGO: NO_ORDER}

    def test_rates_that_are_as_good_as_equal_tie(self) -> None:
        point = only_point(made(at_rates({FLASK: [80.0, 82.0, 84.0], DJANGO: [80.1, 82.1, 84.1]})))
        assert words(point) == {FLASK: "tie", DJANGO: NO_ORDER}

    def test_what_the_machine_did_to_both_in_a_repeat_does_not_hide_a_difference(self) -> None:
        point = only_point(made(at_rates({FLASK: [40, 20, 10], DJANGO: [80, 40, 20]})))
        [flask] = [s for s in point.standings if s.cell.variant == FLASK]
        assert flask.ratio is not None
        assert (flask.ratio.mean, flask.ratio.low, flask.ratio.high) == pytest.approx((0.5, 0.5, 0.5))
        assert flask.verdict == "slower"

    def test_one_repeat_ranks_nothing(self) -> None:
        point = only_point(made(at_rates({FLASK: [40], DJANGO: [80]})))
        assert words(point) == {FLASK: "inconclusive (0.50 of the most)", DJANGO: NO_ORDER}

    def test_contenders_are_paired_only_in_the_repeats_that_both_have(self) -> None:
        trials = at_rates({FLASK: [40, 42], DJANGO: [80, 84, 20]})
        point = only_point(made(trials, [runs.spec(FLASK, repeat=3)]))
        [flask] = [s for s in point.standings if s.cell.variant == FLASK]
        assert flask.ratio is not None
        assert flask.ratio.mean == pytest.approx(0.5)

    def test_contenders_that_share_no_repeat_are_not_compared(self) -> None:
        trials = [
            runs.at_rate(runs.spec(FLASK, repeat=1), 40),
            runs.at_rate(runs.spec(DJANGO, repeat=2), 80),
        ]
        comparison = made(trials)
        assert words(only_point(comparison)) == {FLASK: "inconclusive", DJANGO: NO_ORDER}
        assert "no difference that holds" in answers(comparison)[0]


class TestCeiling:
    def test_a_point_where_all_stand_at_the_ceiling_ranks_nothing(self) -> None:
        point = only_point(made(at_rates({FLASK: [97, 97, 97], DJANGO: [99, 99, 99]})))
        assert point.ceiling_bound
        assert set(words(point).values()) == {"tie, at the ceiling"}
        assert {s.verdict for s in point.standings} == {"tie", None}

    def test_one_at_the_ceiling_does_not_make_it_a_tie(self) -> None:
        point = only_point(made(at_rates({FLASK: [49, 50, 51], DJANGO: [98, 99, 99]})))
        assert not point.ceiling_bound
        assert words(point) == {FLASK: "0.51 of the most", DJANGO: "most, at the ceiling"}

    def test_most_of_the_trials_decide(self) -> None:
        comparison = made(at_rates({FLASK: [97, 97, 90], DJANGO: [97, 90, 90]}))
        assert cell_of(comparison, FLASK).ceiling_bound
        assert not cell_of(comparison, DJANGO).ceiling_bound

    def test_a_trial_far_below_the_ceiling_makes_it_no_tie(self) -> None:
        point = only_point(made(at_rates({FLASK: [98, 98, 25], DJANGO: [98, 98, 99]})))
        assert not cell_of(made(at_rates({FLASK: [98, 98, 25]})), FLASK).ceiling_bound
        assert not point.ceiling_bound


class TestInvalid:
    def test_a_cell_that_does_not_count_is_never_the_best(self) -> None:
        trials = at_rates({FLASK: [40, 41, 42]})
        trials += [runs.trial(runs.spec(DJANGO, repeat=n), errors={"reset": 500}) for n in (1, 2, 3)]
        comparison = made(trials)
        point = only_point(comparison)
        assert cell_of(comparison, DJANGO).goodput.mean > cell_of(comparison, FLASK).goodput.mean
        assert point.best is cell_of(comparison, FLASK)
        assert words(point) == {FLASK: "alone", DJANGO: "not counted: errors"}
        assert not comparison.all_valid

    def test_one_bad_trial_spoils_its_cell(self) -> None:
        trials = at_rates({FLASK: [80, 80, 80]})
        trials[1] = trials[1].model_copy(update={"disturbance": "stopped from outside"})
        assert not cell_of(made(trials), FLASK).valid

    def test_where_nothing_counts_nothing_is_best(self) -> None:
        trials = [runs.trial(runs.spec(v), taken_us=[], errors={"refused": 9}) for v in (FLASK, DJANGO)]
        comparison = made(trials)
        assert only_point(comparison).best is None
        assert not only_point(comparison).ceiling_bound
        assert answers(comparison) == ["A plain wait (ms = 100), 10 users: no valid figure."]

    def test_the_same_reason_of_several_trials_is_told_once(self) -> None:
        trials = [t.model_copy(update={"disturbance": "stopped"}) for t in at_rates({FLASK: [80, 80]})]
        assert [r.code for r in cell_of(made(trials), FLASK).reasons] == ["disturbed"]

    def test_a_note_does_not_make_a_run_invalid(self) -> None:
        assert made(at_rates({FLASK: [97, 97], DJANGO: [97, 97]})).all_valid

    def test_a_run_that_planned_no_trial_is_not_valid(self) -> None:
        run = runs.run_record([runs.spec(FLASK)]).model_copy(update={"trials": []})
        assert not compare(run, []).all_valid


class TestMissing:
    def test_a_run_with_all_its_trials_has_nothing_to_say_of_its_end(self) -> None:
        assert made(at_rates({FLASK: [80]})).state == ""

    def test_missing_trials_are_named_and_a_run_without_them_is_not_valid(self) -> None:
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

    def test_a_run_that_was_killed_is_told_from_one_that_goes_on(self) -> None:
        run = runs.run_record([runs.spec(FLASK), runs.spec(DJANGO)], status="running")
        trials = at_rates({FLASK: [80]})
        assert compare(run, trials, stale=True).state.startswith("This run was killed before it could say so. 1 of 2")
        assert compare(run, trials, stale=False).state.startswith("This run is still going on. 1 of 2")

    def test_a_trial_file_that_was_removed_from_a_complete_run_is_missed(self) -> None:
        comparison = made(at_rates({FLASK: [80]}), [runs.spec(DJANGO)])
        assert comparison.state == "This run is complete. 1 of 2 trials are here; missing: django-gevent 1."

    def test_a_run_without_a_single_trial_can_be_told_of(self) -> None:
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

    def test_goodput_counts_good_answers_alone(self) -> None:
        trial = runs.trial(taken_us=[110_000] * 500, errors={"timeout": 500})
        assert cell_of(made([trial]), FLASK).goodput.mean == 50

    def test_percentiles_are_of_all_requests_together_and_never_an_average(self) -> None:
        # The slow trial's p90 is 1,000 ms and the fast one's 100 ms; averaged that would be 550 ms. Of the 1,000
        # requests together 50 took 1,000 ms, which is beyond p90: it is 100 ms.
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
    def test_a_percentile_that_the_sample_cannot_carry_is_empty_with_the_number_needed(
        self, name: str, needed: int
    ) -> None:
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

    def test_a_percentile_that_one_trial_does_not_carry_has_no_interval(self) -> None:
        trials = [runs.trial(runs.spec(repeat=n), taken_us=[110_000] * (1001 - n)) for n in (1, 2)]
        cell = cell_of(made(trials), FLASK)
        assert cell.percentile_ms("p99") is not None
        assert cell.percentile_interval("p99") is None
        assert cell.percentile_interval("p50") is not None
        trials[1] = runs.trial(runs.spec(repeat=2), taken_us=[], errors={"refused": 5})
        assert cell_of(made(trials), FLASK).percentile_interval("p50") is None

    def test_one_trial_gives_a_percentile_no_bounds(self) -> None:
        found = cell_of(made([runs.trial(taken_us=[110_000] * 1000)]), FLASK).percentile_interval("p99")
        assert found is not None
        assert (found.low, found.high) == (None, None)

    def test_trials_carry_a_percentile_together(self) -> None:
        trials = [runs.trial(runs.spec(repeat=n), taken_us=[110_000] * 400) for n in (1, 2, 3)]
        assert cell_of(made(trials), FLASK).percentile_ms("p99") is not None

    def test_cpu_is_told_for_a_thousand_answers(self) -> None:
        # 0.5 s for 1,000 answers and 1.5 s for 3,000
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

    def test_memory_for_a_request_is_the_most_of_its_trials(self) -> None:
        # At rest it takes 60 MiB, and ten are in flight at most: 20, 60 and 30 MiB beyond it.
        trials = [
            runs.trial(runs.spec(repeat=n), peak_rss_bytes=mib * 2**20) for n, mib in ((1, 80), (2, 120), (3, 90))
        ]
        assert cell_of(made(trials), FLASK).kib_per_request == 60 * 1024 / 10

    def test_less_than_at_rest_is_nought_and_what_was_not_read_is_not_known(self) -> None:
        trial = runs.trial(peak_rss_bytes=50 * 2**20)
        assert cell_of(made([trial]), FLASK).kib_per_request == 0
        assert trial.usage.after is not None
        lost = [trial.usage.model_copy(update={moment: None}) for moment in ("before", "after")]
        for usage in lost:
            assert cell_of(made([trial.model_copy(update={"usage": usage})]), FLASK).kib_per_request is None

    @pytest.mark.parametrize(("held", "kib"), [(0.0, None), (1.0, None), (9.0, None), (10.0, 2048.0)])
    def test_what_the_heap_grew_by_is_not_told_of_a_handful_of_requests(self, held: float, kib: float | None) -> None:
        # It takes 20 MiB beyond the 60 at rest.
        trial = runs.trial(peak_rss_bytes=80 * 2**20)
        assert trial.usage.after is not None
        usage = trial.usage.model_copy(update={"after": {**trial.usage.after, "peak_in_flight": held}})
        assert cell_of(made([trial.model_copy(update={"usage": usage})]), FLASK).kib_per_request == kib

    def test_a_service_that_counts_nothing_has_no_cost(self) -> None:
        trial = runs.trial(runs.spec("mine", instrumented=False), usage=Usage())
        cell = cell_of(made([trial], targets=[runs.external()]), "mine")
        assert (cell.cpu_s_per_1k, cell.peak_rss_mib) == (None, None)
        assert cell.valid

    def test_a_cell_without_good_answers_has_no_latency(self) -> None:
        cell = cell_of(made([runs.trial(taken_us=[], errors={"refused": 5})]), FLASK)
        assert (cell.mean_ms, cell.max_ms, cell.percentile_ms("p50"), cell.goodput.mean) == (None, None, None, 0)


class TestChance:
    """How many comparisons a report makes, and how many would be called though all contenders were alike."""

    def test_each_contender_beside_the_best_is_one_and_the_cost_one_more(self) -> None:
        chance = made(at_rates({FLASK: [40, 41, 42], DJANGO: [80, 82, 84], FASTAPI: [20, 20.5, 21]})).chance
        # Two beside the best and one of cost: 3 x 5 %. Three pairs by rate and three by cost: 6 x 5 %.
        assert chance.comparisons == 3
        assert (chance.least, chance.most) == pytest.approx((0.15, 0.3))

    def test_two_contenders_leave_no_choice_of_the_best(self) -> None:
        chance = made(at_rates({FLASK: [40, 41, 42], DJANGO: [80, 82, 84]})).chance
        assert chance.comparisons == 2
        assert (chance.least, chance.most) == pytest.approx((0.1, 0.1))

    def test_where_arithmetic_makes_all_tie_only_their_cost_is_compared(self) -> None:
        assert made(at_rates({FLASK: [97, 97, 97], DJANGO: [99, 99, 99]})).chance.comparisons == 1

    def test_what_has_no_interval_can_not_be_called(self) -> None:
        assert made(at_rates({FLASK: [40], DJANGO: [80]})).chance.comparisons == 0


class TestOrder:
    def test_sections_follow_the_plan_and_loads_and_contenders_their_order_whatever_the_blocks(self) -> None:
        planned = [
            runs.spec(variant, workload, params, load, block=block)
            for block, (workload, params, load) in enumerate(
                [("wait", {"ms": 100}, 10), ("wait", {"ms": 100}, 5), ("db", {"ms": 50}, 10), ("wait", {"ms": 5}, 1)], 1
            )
            for variant in (FLASK, DJANGO)
        ]
        run = runs.run_record(planned)
        turned = planned[::-1]
        comparison = compare(run.model_copy(update={"trials": turned}), [runs.trial(s, taken_us=[1]) for s in turned])
        assert [section.key for section in comparison.sections] == ["wait-ms100", "db-ms50", "wait-ms5"]
        assert [point.load for point in comparison.sections[0].points] == [5, 10]
        assert [cell.variant for cell in comparison.sections[0].points[0].cells] == [FLASK, DJANGO]

    def test_the_top_of_a_section_is_its_highest_load(self) -> None:
        comparison = made(at_rates({FLASK: [400]}, load=50) + at_rates({FLASK: [80]}, load=10))
        assert comparison.sections[0].top.load == 50


class TestOpenLoop:
    """The rate is given: contenders differ in how long they took."""

    @staticmethod
    def at_latencies(taken_ms: Mapping[str, Sequence[int]]) -> list[TrialRecord]:
        return [
            runs.open_trial(runs.spec(variant, repeat=repeat, load=100, load_model="open"), taken_us=[ms * 1000] * 1000)
            for variant, each in taken_ms.items()
            for repeat, ms in enumerate(each, 1)
        ]

    def test_the_quickest_is_the_best_and_the_others_are_told_by_how_much_longer_they_took(self) -> None:
        comparison = made(
            self.at_latencies({FLASK: [200, 210, 205], DJANGO: [100, 105, 102], FASTAPI: [100, 106, 102]})
        )
        point = only_point(comparison)
        assert words(point) == {FLASK: "2.00 × the quickest by p99", DJANGO: "quickest by p99", FASTAPI: "tie"}
        assert {s.cell.variant: s.verdict for s in point.standings}[FLASK] == "slower"
        assert "Flask on threads takes 2.00" in answers(comparison)[0]

    def test_the_same_workload_under_both_loads_makes_two_sections(self) -> None:
        comparison = made(self.at_latencies({FLASK: [100]}) + at_rates({FLASK: [80]}))
        assert [section.key for section in comparison.sections] == ["wait-ms100-open", "wait-ms100"]
        assert "open loop" in comparison.sections[0].title

    def test_all_are_compared_by_the_same_percentile(self) -> None:
        """One short of the sample that carries a p99, the median is taken of every contender."""
        slow_tail = [100_000] * 980 + [300_000] * 20
        trials = [
            runs.open_trial(runs.spec(variant, repeat=repeat, load=100, load_model="open"), taken_us=taken)
            for repeat in (1, 2, 3)
            for variant, taken in ((FLASK, slow_tail), (DJANGO, slow_tail[1:]))
        ]
        point = only_point(made(trials))
        assert point.percentile == "p50"
        assert {s.ratio.mean for s in point.standings if s.ratio} == {1.0}


class TestThoseBesideTheRanking:
    """References and traps are shown against the best contender, and are never it."""

    GO = runs.target("go", title="Go", kind="reference", framework="net/http", model="goroutines")
    TRAP = runs.target("trap", title="A trap", kind="trap", proofs={"wait": runs.proof("20 calls in a row")})

    def compared(self, rates: Mapping[str, Sequence[float]]) -> Comparison:
        trials = at_rates(rates)
        own = [runs.target(name) for name in rates if name not in ("go", "trap")]
        return made(trials, targets=[*own, self.GO, self.TRAP])

    def test_a_reference_that_answers_more_is_told_as_such_and_ranks_nobody(self) -> None:
        comparison = self.compared({FLASK: [40, 41, 42], FASTAPI: [20, 20.5, 21], "go": [80, 82, 84]})
        found = words(only_point(comparison))
        assert found == {FLASK: "most", FASTAPI: "0.50 of the most", "go": "reference: 2.00 of the most"}
        [line] = answers(comparison)
        assert "Flask on threads answers most, 41/s" in line
        assert "; for reference, Go reaches 2.00 (2.00–2.00) of that" in line

    def test_a_trap_counts_where_it_was_seen_to_block_and_says_what_it_is(self) -> None:
        comparison = self.compared({FLASK: [40, 41, 42], "trap": [4, 4.1, 4.2]})
        assert words(only_point(comparison)) == {FLASK: "alone", "trap": "trap: 0.10 of the most"}
        assert [r.code for r in cell_of(comparison, "trap").reasons] == ["trap"]
        assert "; the trap A trap reaches 0.10 (0.10–0.10) of that" in answers(comparison)[0]

    def test_contenders_at_one_ceiling_tie_though_a_trap_is_far_below(self) -> None:
        comparison = self.compared({FLASK: [97, 97, 97], DJANGO: [99, 99, 99], "trap": [4, 4.1, 4.2]})
        point = only_point(comparison)
        assert point.ceiling_bound
        assert words(point) == {
            FLASK: "tie, at the ceiling",
            DJANGO: "tie, at the ceiling",
            "trap": "trap: 0.04 of the most",
        }

    def test_contenders_at_ceilings_of_their_own_are_ranked(self) -> None:
        one_at_a_time = runs.target(
            DJANGO, budget={**runs.BUDGET, "in_flight": 1}, budget_read={**runs.BUDGET, "in_flight": 1}
        )
        comparison = made(
            at_rates({FLASK: [97, 97, 97], DJANGO: [9.8, 9.8, 9.8]}), targets=[runs.target(FLASK), one_at_a_time]
        )
        point = only_point(comparison)
        assert not point.ceiling_bound
        assert words(point) == {FLASK: "most, at the ceiling", DJANGO: "0.10 of the most, at the ceiling"}


def test_services_on_more_cores_have_a_section_of_their_own() -> None:
    specs = [
        runs.spec(FLASK + ("-2cpu" if cpus else ""), repeat=repeat, cpus=cpus)
        for cpus in (0, 2)
        for repeat in (1, 2, 3)
    ]
    two = runs.target(FLASK + "-2cpu", variant=FLASK, cpus=2)
    comparison = made([runs.trial(spec) for spec in specs], targets=[runs.target(FLASK), two])
    assert [(section.key, section.title) for section in comparison.sections] == [
        ("wait-ms100", "A plain wait (ms = 100)"),
        ("wait-ms100-2cpu", "A plain wait (ms = 100, 2 cores)"),
    ]
