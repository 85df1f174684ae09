"""The result lines of a report: each claims only what its figures show."""

import pytest

from tests.analysis.test_comparison import DJANGO, FASTAPI, FLASK, at_rates, made
from tests.made_up import runs
from waitbench.analysis.comparison import compare
from waitbench.records.trial import TrialRecord
from waitbench.report.words.summary import answers


def the_answer(trials: list[TrialRecord]) -> str:
    [line] = answers(made(trials))
    return line


def at_costs(cpu_s: dict[str, list[float]]) -> list[TrialRecord]:
    """One repeat for each CPU time of each contender."""
    return [
        runs.trial(runs.spec(variant, repeat=repeat), cpu_s=each_s)
        for variant, each in cpu_s.items()
        for repeat, each_s in enumerate(each, 1)
    ]


def test_a_clear_order_is_reported_with_intervals_and_p99() -> None:
    line = the_answer(at_rates({FLASK: [40, 41, 42], DJANGO: [80, 82, 84], FASTAPI: [20, 20.5, 21]}))
    assert line.startswith(
        "A plain wait (ms = 100), 10 users: Django on gevent has the highest throughput, 82 good responses/s "
        "(p99 125 ms). Significantly behind: Flask on threads at 0.50x (95 % CI 0.50–0.50, p99 250 ms) and FastAPI on "
        "asyncio at 0.25x (95 % CI 0.25–0.25). "
    )


def test_a_p99_is_left_out_if_the_sample_is_too_small() -> None:
    line = the_answer(at_rates({FLASK: [20, 20.5, 21], DJANGO: [80, 82, 84]}))
    assert "Django on gevent has the highest throughput, 82 good responses/s (p99 125 ms)" in line
    assert "Significantly behind: Flask on threads at 0.25x (95 % CI 0.25–0.25)." in line


def test_two_without_a_repeat_in_common_are_not_ranked() -> None:
    trials = [runs.at_rate(runs.spec(v, repeat=n), 40 * n) for n, v in enumerate((FLASK, DJANGO), 1)]
    line = the_answer(trials)
    assert "Django on gevent has the highest throughput, 80 good responses/s" in line
    assert ", but no significant lead. Not significantly behind: Flask on threads (no repeat in common)." in line


def test_a_lead_that_is_not_significant_is_reported_as_such() -> None:
    line = the_answer(at_rates({FLASK: [80.0, 82.0, 84.0], DJANGO: [80.1, 82.1, 84.1]}))
    assert "Django on gevent has the highest throughput, 82 good responses/s" in line
    assert ", but no significant lead. Not significantly behind: Flask on threads at 1.00x (95 % CI 1.00–1.00)." in line
    assert "Significantly" not in line


def test_only_comparisons_with_the_best_are_reported() -> None:
    line = the_answer(at_rates({FLASK: [80, 82, 84], DJANGO: [80.1, 82.1, 84.1], FASTAPI: [80, 82, 84]}))
    assert "Django on gevent has the highest throughput, 82 good responses/s" in line
    assert (
        "Not significantly behind: Flask on threads at 1.00x (95 % CI 1.00–1.00) and FastAPI on asyncio at 1.00x "
        "(95 % CI 1.00–1.00)."
    ) in line
    assert "between" not in line


def test_significant_and_other_leads_are_distinguished() -> None:
    line = the_answer(at_rates({FLASK: [80, 82, 84], DJANGO: [80.1, 82.1, 84.1], FASTAPI: [40, 41, 42]}))
    assert "Django on gevent has the highest throughput" in line
    assert "no significant lead" not in line
    assert " Significantly behind: FastAPI on asyncio at 0.50x (" in line
    assert " Not significantly behind: Flask on threads at 1.00x (95 % CI 1.00–1.00)." in line


def test_contenders_at_the_theoretical_maximum_are_not_ranked() -> None:
    line = the_answer(at_rates({FLASK: [97, 97, 97], DJANGO: [99, 99, 99]}))
    assert (
        "all contenders reach the theoretical maximum (100/s = users / wait), so they are not ranked; p99 is " in line
    )
    assert "highest" not in line


def test_lower_loads_at_the_theoretical_maximum_are_named() -> None:
    low = at_rates({FLASK: [97, 97, 97], DJANGO: [99, 99, 99]})
    top = at_rates({FLASK: [400, 401, 402], DJANGO: [800, 801, 802]}, load=100)
    line = the_answer(low + top)
    assert "100 users: Django on gevent has the highest throughput" in line
    assert "At 10 users all contenders reach the theoretical maximum, so they are not ranked." in line


def test_one_user_is_not_called_users() -> None:
    low = at_rates({FLASK: [9.8, 9.8, 9.8], DJANGO: [9.9, 9.9, 9.9]}, load=1)
    top = at_rates({FLASK: [400, 401, 402], DJANGO: [800, 801, 802]}, load=100)
    assert "At 1 user all contenders reach the theoretical maximum" in the_answer(low + top)


def test_an_invalid_contender_is_named() -> None:
    trials = at_rates({FLASK: [40, 41, 42]})
    trials += [runs.trial(runs.spec(DJANGO, repeat=n), errors={"reset": 500}) for n in (1, 2, 3)]
    line = the_answer(trials)
    assert "Flask on threads has 41 good responses/s" in line
    assert "Not counted: Django on gevent." in line


def test_the_cost_is_reported_if_it_differs() -> None:
    # Django needs twice as much in each of three repeats, however much the repeats differ: 909 responses in each.
    line = the_answer(at_costs({FLASK: [0.909, 1.0, 0.818], DJANGO: [1.818, 2.0, 1.636]}))
    assert (
        "CPU time per 1,000 responses ranges from 1.00 s for Flask on threads to 2.00 s for Django on gevent, "
        "2.00x as much (95 % CI 2.00–2.00)." in line
    )


def test_only_a_significant_difference_in_cost_is_reported_however_small() -> None:
    assert "1.03x as much (95 % CI 1.03–1.03)" in the_answer(
        at_costs({FLASK: [1, 1.1, 0.9], DJANGO: [1.03, 1.133, 0.927]})
    )
    assert "CPU" not in the_answer(at_costs({FLASK: [1.0, 2.0, 0.5], DJANGO: [2.0, 1.0, 2.0]}))


def test_the_cost_is_not_compared_with_one_repeat_or_without_a_repeat_in_common() -> None:
    assert "CPU" not in the_answer(at_costs({FLASK: [0.9], DJANGO: [1.8]}))
    apart = [runs.trial(runs.spec(v, repeat=n), cpu_s=n) for n, v in enumerate((FLASK, DJANGO), 1)]
    assert "CPU" not in the_answer(apart)


def test_a_cost_too_small_for_the_services_cpu_clock_is_not_compared() -> None:
    assert "CPU" not in the_answer(at_costs({FLASK: [0, 0, 0], DJANGO: [1, 1, 1]}))


@pytest.mark.parametrize("rates", [{FLASK: [80.0]}, {FLASK: [80.0], DJANGO: [40.0]}])
def test_one_repeat_never_ranks(rates: dict[str, list[float]]) -> None:
    line = the_answer(at_rates(rates))
    assert "reaches" not in line


class TestTwins:
    """A contender compared with itself (A/A) is not ranked; the line shows the noise floor."""

    ONE = runs.target(FLASK, title="Flask on threads (no. 1)", same_as=FLASK)
    TWO = runs.target(f"{FLASK}-2", title="Flask on threads (no. 2)", same_as=FLASK)

    def line(self, trials: list[TrialRecord]) -> str:
        specs = [trial.spec for trial in trials]
        [line] = answers(compare(runs.run_record(specs, [self.ONE, self.TWO]), trials))
        return line

    def test_the_noise_floor_is_reported_for_every_load(self) -> None:
        low = at_rates({FLASK: [80.0, 82.0, 84.0], f"{FLASK}-2": [82.0, 80.0, 83.0]})
        top = at_rates({FLASK: [400, 440, 420], f"{FLASK}-2": [420, 410, 430]}, load=100)
        line = self.line(low + top)
        assert line.startswith(
            "A plain wait (ms = 100), the noise floor of Flask on threads (compared with itself, A/A): ratio of good "
            "responses/s 1.00x (95 % CI "
        )
        assert ") at 10 users; 1.00x (95 % CI " in line
        assert line.endswith(") at 100 users.")
        assert "reaches" not in line
        assert "significant" not in line

    def test_a_false_positive_is_reported_as_significant(self) -> None:
        line = self.line(at_rates({FLASK: [40, 41, 42], f"{FLASK}-2": [80, 82, 84]}))
        assert "0.50x (95 % CI 0.50–0.50) at 10 users, which counts as significant." in line

    def test_the_noise_floor_is_unknown_if_one_of_the_two_is_invalid(self) -> None:
        trials = at_rates({FLASK: [40, 41, 42]})
        trials += [runs.trial(runs.spec(f"{FLASK}-2", repeat=n), errors={"reset": 500}) for n in (1, 2, 3)]
        assert "unknown at 10 users; not counted: Flask on threads (no. 2)." in self.line(trials)

    def test_the_noise_floor_of_an_open_loop_is_that_of_its_percentile(self) -> None:
        trials = [
            runs.open_trial(runs.spec(name, repeat=n, load=100, load_model="open"), taken_us=[110_000 + n] * 1000)
            for name in (FLASK, f"{FLASK}-2")
            for n in (1, 2, 3)
        ]
        assert self.line(trials).endswith(
            "the noise floor of Flask on threads (compared with itself, A/A): ratio of p99 1.00x (95 % CI 1.00–1.00) "
            "at 100 requests/s."
        )

    def test_with_a_third_contender_they_are_ranked(self) -> None:
        trials = at_rates({FLASK: [80, 82, 84], f"{FLASK}-2": [80.1, 82.1, 84.1], DJANGO: [40, 41, 42]})
        run = runs.run_record([t.spec for t in trials], [self.ONE, self.TWO, runs.target(DJANGO)])
        [line] = answers(compare(run, trials))
        assert "Significantly behind: Django on gevent at 0.50x (" in line
        assert "Not significantly behind: Flask on threads (no. 1) at 1.00x (" in line
