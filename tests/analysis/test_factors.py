"""Framework effect and concurrency-model effect at a load point, and their words in a report."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.analysis.test_comparison import at_rates
from tests.made_up import runs
from tests.made_up.matrix import (
    CLAIMS,
    FRAMEWORK,
    MODEL,
    OTHERS,
    SERVED,
    TITLES,
    TRIO,
    matrix_run,
    matrix_targets,
    matrix_trials,
    served_run,
    served_trials,
)
from waitbench.analysis.comparison import Comparison, compare
from waitbench.analysis.factors.design import Factor
from waitbench.analysis.factors.load_points import Factors
from waitbench.analysis.factors.model import Split
from waitbench.records.trial import TrialRecord
from waitbench.report.words.factors import notes
from waitbench.report.words.levels import differ_together
from waitbench.report.words.summary import answers

FACTORS: tuple[Factor, Factor] = ("framework", "model")
SQUARE = ("flask-threads", "flask-gevent", "django-threads", "django-gevent")


def only(comparison: Comparison) -> Factors:
    [found] = comparison.factors
    return found


def factors_of(trials: list[TrialRecord]) -> Factors:
    return only(compare(matrix_run(trials), trials))


def splits(found: Factors) -> dict[str, Split]:
    return {each.measure.name: each.split for each in found.measures if each.split}


def with_target(name: str, **changes: Any) -> list[Factors]:
    """The factors of a matrix of four contenders, one of which is changed."""
    trials = matrix_trials(SQUARE, odd={})
    targets = [t.model_copy(update=changes) if t.name == name else t for t in matrix_targets(SQUARE)]
    return compare(runs.run_record([t.spec for t in trials], targets), trials).factors


def made_invalid(trials: Sequence[TrialRecord], *names: str) -> list[TrialRecord]:
    return [t.model_copy(update={"disturbance": "stopped"}) if t.spec.variant in names else t for t in trials]


class TestMatrix:
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
            {"same_as": "django-gevent"},
            {"budget": runs.BUDGET | {"workers": 2}, "budget_read": runs.BUDGET | {"workers": 2}},
            {"cpus": 1},
            {"gil": False},
        ],
        ids=["trap", "reference", "external", "twin", "workers", "cores", "without the GIL"],
    )
    def test_only_plain_contenders_are_part_of_it(self, changes: dict[str, Any]) -> None:
        [found] = with_target("django-gevent", **changes)
        assert [cell.variant for cell in found.cells] == list(SQUARE[:3])

    def test_invalid_contenders_are_excluded_with_a_note(self) -> None:
        found = factors_of(made_invalid(matrix_trials(), "django-sync"))
        assert "django-sync" not in splits(found)["goodput"].contenders
        assert "Invalid, so not included: Django on sync workers." in notes(found)

    def test_the_reference_is_the_level_with_the_most_contenders_or_else_the_first(self) -> None:
        found = factors_of(matrix_trials())
        assert [found.levels(factor)[0] for factor in FACTORS] == ["flask", "threads"]
        without = factors_of(made_invalid(matrix_trials(), "flask-threads", "django-threads"))
        assert [found.levels("model")[0] for found in (found, without)] == ["threads", "asyncio"]


class TestMeasures:
    def test_a_closed_loop_is_split_by_goodput_latency_and_cost(self) -> None:
        found = splits(factors_of(matrix_trials(odd={}, noise=0.0)))
        assert list(found) == ["goodput", "p50", "cpu", "memory"]
        for name, power in (("goodput", 1), ("p50", -1), ("cpu", -1)):
            for factor, made in zip(FACTORS, (FRAMEWORK, MODEL), strict=True):
                effects = {e.level: e.ratio.mean for e in found[name].effects[factor] if e.ratio}
                # The tolerance allows for whole numbers of responses and of milliseconds.
                assert effects == {level: pytest.approx(made[level] ** power, rel=0.02) for level in effects}

    def test_memory_has_one_figure_and_so_no_interval(self) -> None:
        found = factors_of(matrix_trials())
        effects = splits(found)["memory"].effects["model"]
        assert [each.ratio.bounded for each in effects if each.ratio] == [False] * 3
        assert "Memory has one figure for all trials of a contender, so its ratios have no interval." in notes(found)

    def test_memory_is_not_split_if_no_contender_has_a_figure(self) -> None:
        trials = [
            t.model_copy(update={"usage": runs.usage(t.measured.sent, peak_rss_bytes=runs.REST_BYTES)})
            for t in matrix_trials(SQUARE)
        ]
        assert list(splits(factors_of(trials))) == ["goodput", "p50", "cpu"]

    def test_an_open_loop_is_split_by_its_percentile_and_cost(self) -> None:
        found = factors_of(matrix_trials(open_loop=True, odd={}))
        assert list(splits(found)) == ["p99", "cpu", "memory"]
        assert "The plan sets the rate, so good responses are not split." in notes(found)

    def test_at_the_ceiling_only_the_cost_is_split(self) -> None:
        trials = [
            runs.at_rate(runs.spec(name, repeat=repeat), 99, cpu_s=repeat * (2 if "django" in name else 1))
            for name in SQUARE
            for repeat in (1, 2, 3)
        ]
        found = factors_of(trials)
        assert list(splits(found)) == ["cpu", "memory"]
        assert (
            "All contenders are at the theoretical maximum, which sets their throughput and latency, so only the cost "
            "is split."
        ) in notes(found)
        line = answers(compare(matrix_run(trials), trials))[1]
        assert line == (
            "A plain wait (ms = 100), 10 users, framework effect and concurrency-model effect: throughput and latency "
            "are at the theoretical maximum, so only the cost is split; for CPU s per 1,000, the framework explains "
            "more of the spread (framework 100 %, model 0 %), with Django at 2.00x Flask (95 % CI 2.00–2.00) and no "
            "significant model effect."
        )

    def test_a_contender_at_its_own_ceiling_is_named(self) -> None:
        rates = {"flask-threads": 60, "flask-gevent": 70, "django-threads": 50, "django-gevent": 99}
        trials = [runs.at_rate(runs.spec(name, repeat=n), rps + n / 10) for name, rps in rates.items() for n in (1, 2)]
        assert any(note.startswith("At a theoretical maximum of their own") for note in notes(factors_of(trials)))
        assert any("sets and not the stack: Django on gevent." in note for note in notes(factors_of(trials)))


class TestReport:
    def test_parts_with_nothing_in_common_are_named(self) -> None:
        names = ("flask-threads", "flask-sync", "django-sync", "django-gevent", "fastapi-asyncio")
        trials = matrix_trials(names)
        note = (
            "good responses/s cannot be split: these groups have neither a framework nor a model in common (Flask on "
            "threads, Flask on sync workers, Django on sync workers and Django on gevent; FastAPI on asyncio)."
        )
        assert note in notes(factors_of(trials))
        assert "good responses/s cannot be split" in answers(compare(matrix_run(trials), trials))[1]

    def test_without_valid_contenders_nothing_is_split(self) -> None:
        trials = made_invalid(matrix_trials(SQUARE), *SQUARE)
        comparison = compare(matrix_run(trials), trials)
        assert only(comparison).measures == []
        assert answers(comparison)[1].endswith("framework effect and concurrency-model effect: no valid figure.")

    def test_a_contender_that_does_not_fit_is_named_in_summary_and_notes(self) -> None:
        trials = matrix_trials(odd={"flask-asyncio": 0.5}, noise=0.0)
        comparison = compare(matrix_run(trials), trials)
        line = answers(comparison)[1]
        assert (
            "for good responses/s, framework and model interact (Flask with async views is 0.50x its prediction, "
            in line
        )
        assert "explains more" not in line
        assert any(
            note.startswith(
                "good responses/s: framework and model interact, because Flask with async views is at 0.50x"
            )
            for note in notes(only(comparison))
        )

    def test_with_interaction_the_summary_has_simple_effects(self) -> None:
        # Django is 0.8 times Flask. On asyncio Flask has a fifth of its normal rate, so the ratio is 0.8 / 0.2.
        trials = matrix_trials(odd={"flask-asyncio": 0.2}, noise=0.0)
        line = answers(compare(matrix_run(trials), trials))[1]
        assert (
            "so only simple effects are reported; compared with Flask, Django gives 0.80x as many on threads, 4.00x on "
            "asyncio, 0.80x on sync and 0.80x on gevent, FastAPI gives 1.25x as many on threads and 6.25x on asyncio; "
            "compared with threads, asyncio gives 0.30x as many in Flask, 1.50x in Django and 1.50x in FastAPI, sync "
            "gives 0.10x as many in Flask and 0.10x in Django, gevent gives 1.20x as many in Flask and 1.20x in "
            "Django; for CPU s per 1,000, framework and model interact (Flask with async views is 5.0"
        ) in line
        assert "Django at " not in line

    def test_a_simple_effect_that_is_not_significant_is_reported_as_such(self) -> None:
        rates = {"flask-threads": (50, 51, 52), "flask-gevent": (20, 21, 22), "django-threads": (51, 50, 52),
                 "django-gevent": (60, 61, 62)}  # fmt: skip
        trials = at_rates(rates)
        line = answers(compare(matrix_run(trials), trials))[1]
        assert "interact (Flask on threads is 2.9" in line
        assert ", or else Flask on gevent, Django on threads or Django on gevent departs), so only" in line
        compared = (
            "compared with Flask, Django gives 2.91x as many on gevent, with no significant difference on threads"
        )
        assert compared in line
        assert "compared with threads, gevent gives 0.41x as many in Flask and 1.20x in Django" in line

    def test_without_interaction_the_summary_has_effects(self) -> None:
        trials = matrix_trials(odd={}, noise=0.0)
        line = answers(compare(matrix_run(trials), trials))[1]
        assert "for good responses/s, the model explains more of the spread (framework " in line
        effects = "sync at 0.10x threads (95 % CI 0.10–0.10) and Django at 0.80x Flask (95 % CI 0.80–0.80)"
        assert f"with {effects}; for CPU s per 1,000, " in line

    def test_interaction_without_one_clear_contender_is_reported_as_such(self) -> None:
        # Factors of 0.1, 0.2 and 0.4 are compatible with 1 for one contender, but not with a fit of all ten.
        times = iter((0.1, 0.2, 0.4))
        trials = [
            runs.at_rate(t.spec, 225 * (1 + t.spec.repeat / 10) * next(times))
            if t.spec.variant == "flask-asyncio"
            else t
            for t in matrix_trials(odd={}, noise=0.0)
        ]
        comparison = compare(matrix_run(trials), trials)
        line = answers(comparison)[1]
        assert (
            "for good responses/s, framework and model interact (departures from the prediction exceed noise, the "
            "largest is Flask with async views at "
        ) in line
        assert (
            "so only simple effects are reported; compared with Flask, Django gives 0.80x as many on threads, 0.80x on "
            "sync and 0.80x on gevent, with no significant difference on asyncio"
        ) in line
        start = "good responses/s: framework and model interact, because departures from the prediction exceed noise; "
        assert any(note.startswith(start) for note in notes(only(comparison)))

    def test_with_one_figure_of_each_the_notes_say_that_interaction_is_unknown(self) -> None:
        start = "KiB per request: one figure for each contender cannot show whether departures exceed noise; "
        assert any(note.startswith(start) for note in notes(factors_of(matrix_trials())))

    def test_noise_alone_has_no_effects(self) -> None:
        rates = {"flask-threads": (60, 66, 63), "flask-gevent": (66, 60, 64), "django-threads": (63, 61, 67),
                 "django-gevent": (65, 67, 60)}  # fmt: skip
        trials = at_rates(rates)
        line = answers(compare(matrix_run(trials), trials))[1]
        assert "for good responses/s, no effect is significant;" in line

    def test_every_effect_and_every_departure_counts_as_a_comparison(self) -> None:
        trials = matrix_trials(SQUARE, odd={})
        chance = compare(matrix_run(trials), trials).chance
        # Three with the best and one of cost. Each of three measures adds one effect of each factor, four simple
        # effects and one departure.
        assert chance.comparisons == 4 + 3 * (2 + 4 + 1)
        # Interaction needs an F test and a minimum size, so false positives are rarer, never more frequent.
        assert (chance.least, chance.most) == pytest.approx((0.05 * (4 + 18), 0.05 * (6 + 6 + 21)))

    def test_with_interaction_effects_are_not_counted_as_comparisons(self) -> None:
        trials = matrix_trials(SQUARE, odd={"django-gevent": 0.5})
        assert compare(matrix_run(trials), trials).chance.comparisons == 4 + 3 * (4 + 1)


def served(names: Sequence[str] = tuple(SERVED), **changes: Any) -> tuple[Factors, str]:
    """The factors of contenders with their own servers, and their line in the summary."""
    trials = served_trials(names, **changes)
    comparison = compare(served_run(trials), trials)
    return only(comparison), answers(comparison)[1]


class TestServer:
    def test_a_server_that_follows_from_framework_and_model_is_included_in_their_effects(self) -> None:
        found, line = served(CLAIMS)
        assert found.factors == FACTORS
        assert "framework effect and concurrency-model effect (both include the server): for good responses/s" in line
        first, second, *_ = notes(found)
        assert first == (
            "No two contenders differ only in the server. So it is confounded with framework and model, and their "
            "effects include it."
        )
        assert second == (
            "In this run, sync is only on gunicorn sync, gevent is only on gunicorn gevent and FastAPI is only on "
            "uvicorn."
        )

    def test_one_server_needs_no_note(self) -> None:
        found = factors_of(matrix_trials())
        assert not found.server_included
        assert not any("server" in note for note in notes(found))

    def test_the_default_contenders_and_one_pair_have_one_effect(self) -> None:
        found, line = served((*TRIO, "flask-threads-granian"), noise=0.0)
        assert (
            "framework effect, concurrency-model effect and server effect: for good responses/s, no factor clearly "
            "explains more of the spread (server "
        ) in line
        assert (
            " %), with the framework confounded with model and server, the model confounded with framework and server "
            "and granian WSGI at 2.00x gunicorn gthread (95 % CI 2.00–2.00);"
        ) in line
        assert notes(found)[0] == (
            "Confounded, because what is in brackets always changes too: Django against Flask (gevent and gunicorn "
            "gevent); FastAPI against Flask (asyncio and uvicorn); gevent against threads (Django and gunicorn "
            "gevent); asyncio against threads (FastAPI and uvicorn); gunicorn gevent against gunicorn gthread (Django "
            "and gevent); uvicorn against gunicorn gthread (FastAPI and asyncio)."
        )

    def test_without_interaction_each_factor_has_its_largest_effect(self) -> None:
        found, line = served(noise=0.0)
        assert (
            "several factors 91 %), with FastAPI at 1.56x Django (95 % CI 1.56–1.56), threads at 0.67x asyncio (95 % "
            "CI 0.67–0.67) and granian WSGI at 2.00x gunicorn gthread (95 % CI 2.00–2.00);"
        ) in line
        assert any("gunicorn gthread against uvicorn httptools (framework or model)" in note for note in notes(found))

    def test_with_interaction_each_factor_has_its_largest_simple_effect_and_its_reverse(self) -> None:
        _, line = served(odd={"flask-asyncio": 0.25}, noise=0.0)
        assert "for good responses/s, framework, model and server interact (Flask with async views is 0.25x its" in line
        assert (
            "so only simple effects are reported; the largest framework effect is FastAPI at 1.56x Django on asyncio "
            "with gunicorn asgi (95 % CI 1.56–1.56); the largest model effect is threads at 2.67x asyncio in Flask on "
            "gunicorn gthread (95 % CI 2.66–2.67), but 0.67x in FastAPI on uvicorn httptools; the largest server "
            "effect is granian WSGI at 2.00x gunicorn gthread for Flask on threads"
        ) in line
        assert "explains more" not in line

    def test_effects_and_simple_effects_count_as_comparisons(self) -> None:
        found, _ = served()
        # Each of three measures has eight effects, and 10 simple ones of frameworks, 2 of models and 9 of servers.
        effects = splits(found)["goodput"].effects.values()
        assert sum(each.ratio is not None for of in effects for each in of) == 8
        assert len(found.measures[0].simple) == 10 + 2 + 9
        assert found.calls == 3 * (8 + 10 + 2 + 9)

    def test_a_matrix_of_frameworks_and_servers_is_split_in_these_two(self) -> None:
        found, line = served([name for name in SERVED if "-asyncio" in name and name != "flask-asyncio"])
        assert found.factors == ("framework", "server")
        assert "framework effect and server effect: for good responses/s, the server explains more" in line
        assert "Django at 0.64x FastAPI" in line


class TestDifferTogether:
    def words(self, names: Sequence[str]) -> list[str]:
        return list(differ_together(list(served_run(served_trials(names)).targets.values())))

    def test_contenders_that_always_differ_in_several_factors_are_named_as_such(self) -> None:
        end = "at once, so this run cannot say which of these makes a difference."
        assert self.words(TRIO) == [f"The contenders differ in framework, model and server {end}"]
        assert self.words(("flask-asyncio", "django-asyncio")) == [
            f"The contenders differ in framework and server {end}"
        ]

    @pytest.mark.parametrize(
        "names", [(*TRIO, "flask-threads-granian"), (*TRIO, "django-threads"), TRIO[:1], ("flask-sync", "django-sync")]
    )
    def test_one_pair_that_differs_in_one_factor_only_is_enough(self, names: tuple[str, ...]) -> None:
        assert self.words(names) == []

    def test_several_forms_of_one_contender_count_once(self) -> None:
        targets = served_run(served_trials(TRIO)).targets
        forms = [*targets.values(), *(t.model_copy(update={"name": f"{t.name}-2w"}) for t in targets.values())]
        assert len(list(differ_together(forms))) == 1
