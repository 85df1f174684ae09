"""The sentences that answer a workload: each says what its figures carry and no more."""

import pytest

from tests.analysis.test_comparison import DJANGO, FASTAPI, FLASK, at_rates, made
from tests.made_up import runs
from waitbench.analysis.comparison import compare
from waitbench.records.trial import TrialRecord
from waitbench.report.summary import answers


def the_answer(trials: list[TrialRecord]) -> str:
    [line] = answers(made(trials))
    return line


def at_costs(cpu_s: dict[str, list[float]]) -> list[TrialRecord]:
    """A repeat for each CPU time of each contender."""
    return [
        runs.trial(runs.spec(variant, repeat=repeat), cpu_s=each_s)
        for variant, each in cpu_s.items()
        for repeat, each_s in enumerate(each, 1)
    ]


def test_a_clear_order_is_told_with_its_intervals_and_tails() -> None:
    line = the_answer(at_rates({FLASK: [40, 41, 42], DJANGO: [80, 82, 84], FASTAPI: [20, 20.5, 21]}))
    assert line.startswith("A plain wait (ms = 100), 10 users: Django on gevent answers most, 82/s (p99 125 ms)")
    flask, fastapi = line.index("Flask on threads reaches 0.50 (0.50–0.50)"), line.index("FastAPI on asyncio reaches")
    assert flask < fastapi


def test_a_tail_that_the_sample_cannot_carry_is_not_told() -> None:
    line = the_answer(at_rates({FLASK: [20, 20.5, 21], DJANGO: [80, 82, 84]}))
    assert "Django on gevent answers most, 82/s (p99 125 ms)" in line
    assert "Flask on threads reaches 0.25 (0.25–0.25) of that." in line


def test_two_that_never_met_are_not_ranked() -> None:
    trials = [runs.at_rate(runs.spec(v, repeat=n), 40 * n) for n, v in enumerate((FLASK, DJANGO), 1)]
    assert "no difference that holds between Django on gevent and Flask on threads" in the_answer(trials)


def test_what_does_not_differ_is_not_ranked() -> None:
    line = the_answer(at_rates({FLASK: [80.0, 82.0, 84.0], DJANGO: [80.1, 82.1, 84.1]}))
    assert "no difference that holds between Django on gevent and Flask on threads (82/s at most)" in line
    assert "reaches" not in line


def test_one_that_does_not_differ_is_told_apart_from_one_that_does() -> None:
    line = the_answer(at_rates({FLASK: [80, 82, 84], DJANGO: [80.1, 82.1, 84.1], FASTAPI: [40, 41, 42]}))
    assert "Django on gevent answers most" in line
    assert "no difference that holds from Flask on threads" in line
    assert "FastAPI on asyncio reaches 0.50" in line


def test_a_ceiling_is_a_tie_by_arithmetic() -> None:
    line = the_answer(at_rates({FLASK: [97, 97, 97], DJANGO: [99, 99, 99]}))
    assert "all stand at the ceiling of 100/s set by the users and the wait, a tie by arithmetic" in line
    assert "answers most" not in line


def test_lower_loads_at_the_ceiling_are_said_to_tell_nothing() -> None:
    low = at_rates({FLASK: [97, 97, 97], DJANGO: [99, 99, 99]})
    top = at_rates({FLASK: [400, 401, 402], DJANGO: [800, 801, 802]}, load=100)
    line = the_answer(low + top)
    assert "100 users: Django on gevent answers most" in line
    assert "At 10 users all stand at the ceiling, where there is nothing to rank." in line


def test_what_does_not_count_is_named_as_such() -> None:
    trials = at_rates({FLASK: [40, 41, 42]})
    trials += [runs.trial(runs.spec(DJANGO, repeat=n), errors={"reset": 500}) for n in (1, 2, 3)]
    line = the_answer(trials)
    assert "Flask on threads answers most" in line
    assert "not counted: Django on gevent" in line


def test_the_cost_is_told_where_it_differs() -> None:
    # Twice as dear in each of three repeats, whatever each repeat did to both: 909 answers in each.
    line = the_answer(at_costs({FLASK: [0.909, 1.0, 0.818], DJANGO: [1.818, 2.0, 1.636]}))
    assert (
        "CPU for 1,000 answers: from 1.00 s (Flask on threads) to 2.00 s (Django on gevent), "
        "2.00 (2.00–2.00) times as much." in line
    )


def test_a_small_difference_in_cost_that_is_sure_is_told_and_a_large_one_that_is_not_is_left_out() -> None:
    assert "1.03 (1.03–1.03) times as much" in the_answer(
        at_costs({FLASK: [1, 1.1, 0.9], DJANGO: [1.03, 1.133, 0.927]})
    )
    assert "CPU" not in the_answer(at_costs({FLASK: [1.0, 2.0, 0.5], DJANGO: [2.0, 1.0, 2.0]}))


def test_one_repeat_tells_nothing_of_the_cost_nor_do_two_contenders_that_never_met() -> None:
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
    """A contender against itself: no ranking, but the noise."""

    ONE = runs.target(FLASK, title="Flask on threads (no. 1)", twin_of=FLASK)
    TWO = runs.target(f"{FLASK}-2", title="Flask on threads (no. 2)", twin_of=FLASK)

    def told(self, trials: list[TrialRecord]) -> str:
        specs = [trial.spec for trial in trials]
        [line] = answers(compare(runs.run_record(specs, [self.ONE, self.TWO]), trials))
        return line

    def test_the_noise_floor_is_told_for_every_load(self) -> None:
        low = at_rates({FLASK: [80.0, 82.0, 84.0], f"{FLASK}-2": [82.0, 80.0, 83.0]})
        top = at_rates({FLASK: [400, 440, 420], f"{FLASK}-2": [420, 410, 430]}, load=100)
        line = self.told(low + top)
        assert line.startswith(
            "A plain wait (ms = 100): the noise floor, Flask on threads against itself by good answers: 10 users 1.00 ("
        )
        assert "; 100 users 1.00 (" in line
        assert "reaches" not in line
        assert "called a difference" not in line

    def test_chance_that_is_called_a_difference_is_said_to_be(self) -> None:
        line = self.told(at_rates({FLASK: [40, 41, 42], f"{FLASK}-2": [80, 82, 84]}))
        assert "10 users 0.50 (0.50–0.50), which is called a difference." in line

    def test_where_one_does_not_count_nothing_is_known(self) -> None:
        trials = at_rates({FLASK: [40, 41, 42]})
        trials += [runs.trial(runs.spec(f"{FLASK}-2", repeat=n), errors={"reset": 500}) for n in (1, 2, 3)]
        assert "10 users not known; not counted: Flask on threads (no. 2)." in self.told(trials)

    def test_an_open_loop_s_noise_is_of_its_percentile(self) -> None:
        trials = [
            runs.open_trial(runs.spec(name, repeat=n, load=100, load_model="open"), taken_us=[110_000 + n] * 1000)
            for name in (FLASK, f"{FLASK}-2")
            for n in (1, 2, 3)
        ]
        assert "the noise floor, Flask on threads against itself by p99: 100 requests/s 1.00 (1.00–1.00)" in self.told(
            trials
        )

    def test_beside_a_third_they_are_ranked_as_all_are(self) -> None:
        trials = at_rates({FLASK: [80, 82, 84], f"{FLASK}-2": [80.1, 82.1, 84.1], DJANGO: [40, 41, 42]})
        run = runs.run_record([t.spec for t in trials], [self.ONE, self.TWO, runs.target(DJANGO)])
        [line] = answers(compare(run, trials))
        assert "no difference that holds from Flask on threads (no. 1)" in line
        assert "Django on gevent reaches 0.50" in line
