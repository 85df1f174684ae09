"""Reports of contenders on several server programs, which compare those on the same one first."""

from collections.abc import Mapping, Sequence

import pytest

from tests.made_up import runs
from waitbench.analysis.comparison import Comparison, compare
from waitbench.analysis.same_server import by_server
from waitbench.records.run import Target
from waitbench.records.trial import TrialRecord
from waitbench.report.words.summary import introduction, section_answers

TARGETS = {
    "flask-threads": ("Flask on threads", "flask", "threads", "gunicorn gthread"),
    "django-gevent": ("Django on gevent", "django", "gevent", "gunicorn gevent"),
    "fastapi-asyncio": ("FastAPI on asyncio", "fastapi", "asyncio", "uvicorn, uvloop, httptools"),
    "flask-granian": ("Flask on granian", "flask", "threads", "granian WSGI"),
    "fastapi-granian": ("FastAPI on granian", "fastapi", "asyncio", "granian ASGI, uvloop"),
}
"""Title, framework, model and server. The contenders of the quick plan."""
RATES = {
    "flask-threads": 40.0, "django-gevent": 44.0, "fastapi-asyncio": 60.0, "flask-granian": 80.0,
    "fastapi-granian": 64.0,
}  # fmt: skip
DEFAULTS = ("flask-threads", "django-gevent", "fastapi-asyncio")
NOISE = (1.0, 1.01, 0.99)
"""Shared by all contenders of a repeat, so ratios are exact."""


def target(name: str, **changes: str) -> Target:
    title, framework, model, server = TARGETS[name]
    return runs.target(name, **{"title": title, "framework": framework, "model": model, "server": server} | changes)


def trials(rates: Mapping[str, float]) -> list[TrialRecord]:
    return [
        runs.at_rate(runs.spec(name, load=10, repeat=repeat), rate * noise)
        for repeat, noise in enumerate(NOISE, 1)
        for name, rate in rates.items()
    ]


def compared(rates: Mapping[str, float], targets: Sequence[Target] = ()) -> Comparison:
    made = trials(rates)
    return compare(runs.run_record([each.spec for each in made], targets or [target(name) for name in rates]), made)


def only(names: Sequence[str]) -> dict[str, float]:
    return {name: RATES[name] for name in names}


def answer(comparison: Comparison) -> str:
    return section_answers(comparison)[0]


def test_contenders_on_one_server_are_ranked_by_themselves_the_quickest_server_first() -> None:
    line = answer(compared(RATES))
    assert line.startswith(
        "A plain wait (ms = 100), 10 users, on granian: Flask on granian has the highest throughput, 80 good "
        "responses/s (p99 126 ms). Significantly behind: FastAPI on granian at 0.80x (95 % CI 0.80–0.80, p99 158 ms). "
        "On gunicorn: Django on gevent has the highest throughput, 44 good responses/s (p99 229 ms). Significantly "
        "behind: Flask on threads at 0.91x (95 % CI 0.91–0.91, p99 253 ms). Alone on a server, so that a difference "
        "may be due to the server: FastAPI on asyncio (uvicorn) at 0.75x Flask on granian (95 % CI 0.75–0.75, p99 "
        "168 ms)."
    )


def test_a_contender_alone_on_its_server_may_have_the_highest_throughput_of_all() -> None:
    line = answer(compared(only(DEFAULTS)))
    assert line.startswith(
        "A plain wait (ms = 100), 10 users, on gunicorn: Django on gevent has the highest throughput"
    )
    assert (
        "due to the server: FastAPI on asyncio (uvicorn) with the highest throughput of all, 60 good responses/s (p99 "
        "168 ms), against which Django on gevent is at 0.73x (95 % CI 0.73–0.73)."
    ) in line


def test_on_one_program_or_with_nobody_to_compare_with_all_are_ranked_together() -> None:
    for names in (("flask-threads", "django-gevent"), ("flask-threads", "fastapi-asyncio"), ("flask-granian",)):
        line = answer(compared(only(names)))
        assert line.startswith("A plain wait (ms = 100), 10 users: ")
        assert "Alone on a server" not in line


def test_a_service_on_an_unknown_server_is_ranked_together_with_all() -> None:
    rates = RATES | {"mine": 50.0}
    line = answer(compared(rates, [*map(target, RATES), runs.external(proofs={"wait": runs.proof()})]))
    assert line.startswith("A plain wait (ms = 100), 10 users: Flask on granian has the highest throughput, 80 ")


def test_a_group_at_its_theoretical_maximum_is_not_ranked() -> None:
    line = answer(compared(RATES | {"flask-granian": 99.0, "fastapi-granian": 98.0}))
    assert "on granian: all contenders reach the theoretical maximum (100/s = users / wait), so they are not" in line
    assert "On gunicorn: Django on gevent has the highest throughput" in line


def test_contenders_that_are_not_counted_are_named_once_and_in_no_group() -> None:
    made = trials(RATES)
    broken = [
        runs.trial(each.spec, errors={"reset": 500}) if each.spec.variant == "fastapi-granian" else each
        for each in made
    ]
    comparison = compare(runs.run_record([each.spec for each in broken], [*map(target, RATES)]), broken)
    line = answer(comparison)
    assert line.startswith("A plain wait (ms = 100), 10 users, on gunicorn: Django on gevent has")
    assert "Flask on granian (granian) with the highest throughput of all" in line
    assert "Not counted: FastAPI on granian." in line


@pytest.mark.parametrize(
    ("names", "counts"), [((*TARGETS,), [1]), (("flask-granian", "fastapi-granian", "fastapi-asyncio"), [])]
)
def test_each_comparison_within_a_server_counts_unless_it_is_with_the_best_of_all(
    names: Sequence[str], counts: list[int]
) -> None:
    comparison = compared(only(names))
    [point] = comparison.sections[0].points
    found = by_server(point)
    assert found
    assert found.new_comparisons(point.best) == counts
    # Each contender with the best of all, the most expensive with the cheapest, those on a server, and the factors.
    factors = sum(each.calls + each.oddities for each in comparison.factors)
    assert comparison.chance.comparisons == len(names) - 1 + 1 + sum(counts) + factors


class TestIntroduction:
    def test_it_names_the_servers_and_how_much_the_server_alone_accounts_for(self) -> None:
        lines = introduction(compared(RATES))
        assert "They run on gunicorn, uvicorn and granian, so each result first compares those on the same server." in (
            lines
        )
        assert (
            "A plain wait (ms = 100), 10 users: the server alone changes good responses/s by up to 2.00x, granian WSGI "
            "against gunicorn gthread for Flask on threads (95 % CI 2.00–2.00)."
        ) in lines

    def test_without_two_that_differ_only_in_the_server_it_is_not_known(self) -> None:
        lines = introduction(compared(only(DEFAULTS)))
        assert lines[1] == (
            "The contenders differ in framework, model and server at once, so this run cannot say which of these makes "
            "a difference."
        )
        assert not any("server alone" in line for line in lines)

    @pytest.mark.parametrize("names", [("flask-threads", "django-gevent"), ("flask-granian", "fastapi-granian")])
    def test_on_one_server_program_there_is_nothing_to_say(self, names: Sequence[str]) -> None:
        assert not any("run on" in line or "server alone" in line for line in introduction(compared(only(names))))

    def test_an_external_service_in_another_workload_has_no_name_for_its_server(self) -> None:
        made = [*trials(RATES), *(runs.at_rate(runs.spec("mine", "fast", {}, 20, repeat=n), 50) for n in (1, 2, 3))]
        targets = [*map(target, RATES), runs.external()]
        lines = introduction(compare(runs.run_record([each.spec for each in made], targets), made))
        assert "They run on gunicorn, uvicorn and granian, so each result first compares those on the same server." in (
            lines
        )
