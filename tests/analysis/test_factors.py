"""From a load point to what is the framework's and what the model's."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.analysis.test_comparison import at_rates
from tests.made_up import runs
from tests.made_up.matrix import FRAMEWORK, MODEL, OTHERS, TITLES, matrix_run, matrix_targets, matrix_trials
from waitbench.analysis.comparison import Comparison, compare
from waitbench.analysis.factors.load_points import Factors
from waitbench.analysis.factors.model import FACTORS, Split
from waitbench.records.trial import TrialRecord
from waitbench.report.factor_words import notes
from waitbench.report.summary import answers

SQUARE = ("flask-threads", "flask-gevent", "django-threads", "django-gevent")


def only(comparison: Comparison) -> Factors:
    [found] = comparison.factors
    return found


def factors_of(trials: list[TrialRecord]) -> Factors:
    return only(compare(matrix_run(trials), trials))


def splits(found: Factors) -> dict[str, Split]:
    return {each.measure.name: each.split for each in found.measures if each.split}


def with_target(name: str, **changes: Any) -> list[Factors]:
    """A square of four contenders, one of them changed."""
    trials = matrix_trials(SQUARE, odd={})
    targets = [t.model_copy(update=changes) if t.name == name else t for t in matrix_targets(SQUARE)]
    return compare(runs.run_record([t.spec for t in trials], targets), trials).factors


def spoilt(trials: Sequence[TrialRecord], *names: str) -> list[TrialRecord]:
    return [t.model_copy(update={"disturbance": "stopped"}) if t.spec.variant in names else t for t in trials]


class TestWhoTakesPart:
    def test_contenders_that_share_a_framework_and_a_model_make_a_matrix(self) -> None:
        found = factors_of(matrix_trials((*TITLES, *OTHERS)))
        assert [cell.variant for cell in found.cells] == list(TITLES)

    def test_three_that_share_nothing_make_none(self) -> None:
        trials = matrix_trials(("flask-threads", "django-gevent", "fastapi-asyncio"))
        assert compare(matrix_run(trials), trials).factors == []

    @pytest.mark.parametrize(
        "changes",
        [
            {"kind": "trap"},
            {"kind": "reference"},
            {"external": True, "framework": "", "model": ""},
            {"twin_of": "django-gevent"},
            {"budget": runs.BUDGET | {"workers": 2}, "budget_read": runs.BUDGET | {"workers": 2}},
            {"cpus": 1},
            {"gil": False},
        ],
        ids=["trap", "reference", "external", "twin", "workers", "cores", "without the GIL"],
    )
    def test_what_is_no_plain_contender_is_left_out(self, changes: dict[str, Any]) -> None:
        [found] = with_target("django-gevent", **changes)
        assert [cell.variant for cell in found.cells] == list(SQUARE[:3])

    def test_what_does_not_count_is_left_out_and_told(self) -> None:
        found = factors_of(spoilt(matrix_trials(), "django-sync"))
        assert "django-sync" not in splits(found)["goodput"].contenders
        assert "Not part of it, since they do not count: Django on sync workers." in notes(found)

    def test_the_references_are_those_of_most_contenders_and_then_the_first(self) -> None:
        found = factors_of(matrix_trials())
        assert [found.levels(factor)[0] for factor in FACTORS] == ["flask", "threads"]
        without = factors_of(spoilt(matrix_trials(), "flask-threads", "django-threads"))
        assert [found.levels("model")[0] for found in (found, without)] == ["threads", "asyncio"]


class TestMeasures:
    def test_a_closed_loop_is_split_by_goodput_latency_and_cost(self) -> None:
        found = splits(factors_of(matrix_trials(odd={}, noise=0.0)))
        assert list(found) == ["goodput", "p50", "cpu", "memory"]
        for name, power in (("goodput", 1), ("p50", -1), ("cpu", -1)):
            for factor, made in zip(FACTORS, (FRAMEWORK, MODEL), strict=True):
                told = {e.level: e.ratio.mean for e in found[name].effects[factor] if e.ratio}
                # A whole number of answers, and latencies of whole milliseconds.
                assert told == {level: pytest.approx(made[level] ** power, rel=0.02) for level in told}

    def test_memory_has_one_figure_and_so_no_interval(self) -> None:
        found = factors_of(matrix_trials())
        effects = splits(found)["memory"].effects["model"]
        assert [each.ratio.bounded for each in effects if each.ratio] == [False] * 3
        assert "Memory has one figure for all trials of a contender, so its ratios have no interval." in notes(found)

    def test_memory_that_is_not_known_of_any_is_not_split(self) -> None:
        trials = [
            t.model_copy(update={"usage": runs.usage(t.measured.sent, peak_rss_bytes=runs.REST_BYTES)})
            for t in matrix_trials(SQUARE)
        ]
        assert list(splits(factors_of(trials))) == ["goodput", "p50", "cpu"]

    def test_an_open_loop_is_split_by_its_percentile_and_cost(self) -> None:
        found = factors_of(matrix_trials(open_loop=True, odd={}))
        assert list(splits(found)) == ["p99", "cpu", "memory"]
        assert "The rate is given, so good answers are not split." in notes(found)

    def test_at_the_ceiling_only_the_cost_is_split(self) -> None:
        trials = [
            runs.at_rate(runs.spec(name, repeat=repeat), 99, cpu_s=repeat * (2 if "django" in name else 1))
            for name in SQUARE
            for repeat in (1, 2, 3)
        ]
        found = factors_of(trials)
        assert list(splits(found)) == ["cpu", "memory"]
        assert (
            "All stand at the ceiling, so arithmetic says what they answer and when: only the cost is split."
            in notes(found)
        )
        line = answers(compare(matrix_run(trials), trials))[1]
        assert line == (
            "A plain wait (ms = 100), 10 users, framework and model apart: what they answer and when is arithmetic, at "
            "the ceiling; CPU s per 1,000: the framework matters more (of the spread, the framework explains 100 %, "
            "the model 0 %): Django 2.00 (2.00–2.00) times Flask, no difference that holds of the model."
        )

    def test_one_at_a_ceiling_of_its_own_is_named(self) -> None:
        rates = {"flask-threads": 60, "flask-gevent": 70, "django-threads": 50, "django-gevent": 99}
        trials = [runs.at_rate(runs.spec(name, repeat=n), rps + n / 10) for name, rps in rates.items() for n in (1, 2)]
        assert any(note.startswith("At a ceiling of their own") for note in notes(factors_of(trials)))
        assert any("sets and not the stack: Django on gevent." in note for note in notes(factors_of(trials)))


class TestWhatIsTold:
    def test_parts_with_nothing_in_common_are_named(self) -> None:
        names = ("flask-threads", "flask-sync", "django-sync", "django-gevent", "fastapi-asyncio")
        trials = matrix_trials(names)
        told = (
            "good answers/s can't be split: these parts have neither a framework nor a model in common: Flask on "
            "threads, Flask on sync workers, Django on sync workers and Django on gevent; FastAPI on asyncio."
        )
        assert told in notes(factors_of(trials))
        assert "good answers/s can't be split" in answers(compare(matrix_run(trials), trials))[1]

    def test_where_none_counts_nothing_is_split(self) -> None:
        trials = spoilt(matrix_trials(SQUARE), *SQUARE)
        comparison = compare(matrix_run(trials), trials)
        assert only(comparison).measures == []
        assert answers(comparison)[1].endswith("framework and model apart: no figure.")

    def test_one_that_does_not_fit_is_named_in_answer_and_notes(self) -> None:
        trials = matrix_trials(odd={"flask-asyncio": 0.5}, noise=0.0)
        comparison = compare(matrix_run(trials), trials)
        line = answers(comparison)[1]
        assert (
            "good answers/s: framework and model can't be told as two factors, since Flask with async views is 0.50 ("
            in line
        )
        assert "matters more" not in line
        assert any(
            note.startswith("good answers/s: the split does not hold for Flask with async views: 0.50 (")
            for note in notes(only(comparison))
        )

    def test_where_factors_do_not_multiply_the_answer_is_of_simple_effects(self) -> None:
        # Django is 0.8 times Flask but on asyncio, where Flask has a fifth of what it was made with: 0.8 / 0.2.
        trials = matrix_trials(odd={"flask-asyncio": 0.2}, noise=0.0)
        line = answers(compare(matrix_run(trials), trials))[1]
        assert (
            ": against Flask, Django is 0.80 times as many on threads, 4.00 on asyncio, 0.80 on sync and 0.80 on "
            "gevent, FastAPI is 1.25 times as many on threads and 6.25 on asyncio; against threads, asyncio is 0.30 "
            "times as many in Flask, 1.50 in Django and 1.50 in FastAPI, sync is 0.10 times as many in Flask and 0.10 "
            "in Django, gevent is 1.20 times as many in Flask and 1.20 in Django; CPU s per 1,000: framework and model "
            "can't be told as two factors, since Flask with async views is 5.0"
        ) in line
        assert "Django 1." not in line

    def test_a_simple_effect_that_does_not_hold_is_told_as_none(self) -> None:
        rates = {"flask-threads": (50, 51, 52), "flask-gevent": (20, 21, 22), "django-threads": (51, 50, 52),
                 "django-gevent": (60, 61, 62)}  # fmt: skip
        trials = at_rates(rates)
        line = answers(compare(matrix_run(trials), trials))[1]
        assert "since Flask on threads (or else Flask on gevent, Django on threads or Django on gevent) is 2.9" in line
        assert "against Flask, Django is 2.91 times as many on gevent, with no difference that holds on threads" in line
        assert "against threads, gevent is 0.41 times as many in Flask and 1.20 in Django" in line

    def test_where_they_multiply_the_answer_names_effects(self) -> None:
        trials = matrix_trials(odd={}, noise=0.0)
        line = answers(compare(matrix_run(trials), trials))[1]
        assert "good answers/s: the model matters more (of the spread, the framework explains" in line
        assert "sync 0.10 (0.10–0.10) times threads, Django 0.80 (0.80–0.80) times Flask; CPU s per 1,000" in line

    def test_interaction_of_nobody_in_particular_is_told_as_that(self) -> None:
        # By itself 0.1, 0.2 and 0.4 of what was made may be 1; that all ten fit, they may not.
        times = iter((0.1, 0.2, 0.4))
        trials = [
            runs.at_rate(t.spec, 225 * (1 + t.spec.repeat / 10) * next(times))
            if t.spec.variant == "flask-asyncio"
            else t
            for t in matrix_trials(odd={}, noise=0.0)
        ]
        comparison = compare(matrix_run(trials), trials)
        assert (
            "good answers/s: framework and model can't be told as two factors, since departures from what they predict "
            "are more than noise, and the farthest is Flask with async views: against Flask, Django is 0.80 times as "
            "many on threads, 0.80 on sync and 0.80 on gevent, with no difference that holds on asyncio"
        ) in answers(comparison)[1]
        told = "good answers/s: the split does not hold, since departures from it are more than noise; the farthest is"
        assert any(note.startswith(told) for note in notes(only(comparison)))

    def test_that_one_figure_of_each_tells_of_no_interaction_is_said(self) -> None:
        told = "KiB a request: one figure of each can't tell whether departures from the split are more than noise;"
        assert any(note.startswith(told) for note in notes(factors_of(matrix_trials())))

    def test_noise_alone_has_no_effect_to_tell(self) -> None:
        rates = {"flask-threads": (60, 66, 63), "flask-gevent": (66, 60, 64), "django-threads": (63, 61, 67),
                 "django-gevent": (65, 67, 60)}  # fmt: skip
        trials = at_rates(rates)
        line = answers(compare(matrix_run(trials), trials))[1]
        assert "good answers/s: no difference that holds of either;" in line

    def test_every_effect_and_every_farthest_is_a_comparison_that_chance_may_call(self) -> None:
        trials = matrix_trials(SQUARE, odd={})
        chance = compare(matrix_run(trials), trials).chance
        # Three beside the best, one of cost; an effect of each factor, four simple ones and one farthest, of each of
        # three measures.
        assert chance.comparisons == 4 + 3 * (2 + 4 + 1)
        # Interaction is told by an F test and a least size: it may be called less often, and no more.
        assert (chance.least, chance.most) == pytest.approx((0.05 * (4 + 18), 0.05 * (6 + 6 + 21)))

    def test_effects_that_are_not_called_are_none_that_chance_may_call(self) -> None:
        trials = matrix_trials(SQUARE, odd={"django-gevent": 0.5})
        assert compare(matrix_run(trials), trials).chance.comparisons == 4 + 3 * (4 + 1)
