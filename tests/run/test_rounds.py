"""Tests the rounds of a run that decides on its repeats, with made-up trials instead of measured ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.made_up import runs
from tests.run.playing import play_run
from tests.run.test_searches import begun
from waitbench.analysis.certainty import certainties
from waitbench.analysis.loading import load_comparison
from waitbench.plan.plan import Plan
from waitbench.records.folder import RunFolder
from waitbench.records.spec import TrialSpec
from waitbench.run.rounds import Rounds

WAIT, FAST = {"workload": "wait", "params": {"ms": 100}, "users": [10]}, {"workload": "fast", "users": [20]}
FLASK, DJANGO = "flask-threads", "django-gevent"
Rate = Callable[[TrialSpec], float]
"""The good responses per second of a contender in a trial."""


def plan(*cells: dict[str, Any], time_s: float, within: float = 0.05, **changes: Any) -> Plan:
    """Each trial takes 11 s of load, and each block of two contenders 22 s."""
    known: dict[str, Any] = {"title": "t", "warmup_s": 1.0, "measure_s": 10.0, "variants": [FLASK, DJANGO]}
    return Plan.model_validate(known | {"time_s": time_s, "sure_within": within, "cells": list(cells)} | changes)


def play(place: Path, planned: Plan, rate: Rate) -> tuple[RunFolder, list[list[TrialSpec]]]:
    """Play a whole run. Returns its folder and its rounds, the first repeats among them."""
    folder = begun(place, planned)
    return folder, play_run(folder, Rounds(planned, folder, 5), lambda spec: runs.at_rate(spec, rate(spec)), 50)


def noisy(spec: TrialSpec) -> float:
    """Django varies between repeats, so no interval is narrow."""
    return 80.0 if spec.variant == FLASK else [60.0, 80.0, 70.0][spec.repeat % 3]


def steady(spec: TrialSpec) -> float:
    return 40.0 if spec.variant == FLASK else 80.0


def load_s(specs: list[TrialSpec]) -> float:
    return sum(spec.load_s for spec in specs)


class TestRounds:
    def test_a_sure_load_point_gets_no_more_than_the_lowest_repeats(self, tmp_path: Path) -> None:
        folder, [first] = play(tmp_path, plan(WAIT, time_s=1000), steady)
        assert sorted(spec.repeat for spec in first) == [1, 1, 2, 2, 3, 3]
        assert load_comparison(folder).all_valid

    def test_only_an_undecided_load_point_is_repeated_until_the_time_is_used_up(self, tmp_path: Path) -> None:
        # The first repeats take 2 x 66 s. Three more blocks of 22 s fit into 200 s, and the fourth does not.
        def rate(spec: TrialSpec) -> float:
            return noisy(spec) if spec.workload == "fast" else steady(spec)

        folder, [first, *more] = play(tmp_path, plan(WAIT, FAST, time_s=200), rate)
        assert load_s(first) == 132
        assert [[(spec.workload, spec.repeat) for spec in each] for each in more] == [
            [("fast", repeat)] * 2 for repeat in (4, 5, 6)
        ]
        assert folder.read_run().most_repeats == 6
        assert load_s(folder.read_run().trials) == 198

    def test_every_contender_is_in_each_block_and_the_order_varies(self, tmp_path: Path) -> None:
        _, [_, *more] = play(tmp_path, plan(FAST, time_s=600), noisy)
        assert all({spec.variant for spec in each} == {FLASK, DJANGO} for each in more)
        assert {each[0].variant for each in more} == {FLASK, DJANGO}

    def test_blocks_files_and_seeds_go_on_from_the_first_repeats(self, tmp_path: Path) -> None:
        folder, rounds = play(tmp_path, plan(WAIT, FAST, time_s=400), noisy)
        every = folder.read_run().trials
        assert every == [spec for each in rounds for spec in each]
        assert [spec.block for spec in every] == [n // 2 + 1 for n in range(len(every))]
        assert len({spec.file for spec in every}) == len(every)
        assert all(spec.arrivals_seed == 5000 + spec.block for spec in every)

    def test_a_round_has_each_undecided_load_point_once_and_the_last_one_only_what_fits(self, tmp_path: Path) -> None:
        # After 132 s, rounds of two blocks take 44 s. The budget of 200 s has room for one round and a block.
        _, [_, *more] = play(tmp_path, plan(WAIT, FAST, time_s=200), noisy)
        both, one = ([spec.workload for spec in each] for each in more)
        assert sorted(both) == ["fast", "fast", "wait", "wait"]
        assert one in (["fast"] * 2, ["wait"] * 2)

    def test_a_significant_result_is_repeated_only_after_all_are_decided(self, tmp_path: Path) -> None:
        """`wait` differs significantly by a factor of about four, `fast` is undecided until its fifth repeat."""

        def rate(spec: TrialSpec) -> float:
            if spec.workload == "wait":
                return 80.0 if spec.variant == DJANGO else [20.0, 22.0, 21.0][spec.repeat % 3]
            return 80.0 if spec.variant == DJANGO or spec.repeat > 3 else [70.0, 78.0, 80.0][spec.repeat % 3]

        _, [_, *more] = play(tmp_path, plan(WAIT, FAST, time_s=1000, within=0.04), rate)
        names = ["+".join(sorted({spec.workload for spec in each})) for each in more]
        first_wait = next(n for n, name in enumerate(names) if "wait" in name)
        assert first_wait > 0
        assert {*names[:first_wait]} == {"fast"}

    def test_the_number_of_repeats_is_bounded(self, tmp_path: Path) -> None:
        folder, _ = play(tmp_path, plan(FAST, time_s=28_000), noisy)
        run = folder.read_run()
        assert run.most_repeats == 30
        assert max(spec.repeat for spec in run.trials) == 30

    def test_the_lowest_repeats_of_a_cell_are_its_own(self, tmp_path: Path) -> None:
        _, [first] = play(tmp_path, plan(FAST | {"repeats": 5}, time_s=1000), steady)
        assert max(spec.repeat for spec in first) == 5

    def test_nothing_is_added_before_every_trial_is_finished(self, tmp_path: Path) -> None:
        planned = plan(FAST, time_s=200)
        folder = begun(tmp_path, planned)
        rounds = Rounds(planned, folder, 5)
        before = folder.read_run()
        for spec in before.trials[:-1]:
            folder.write_trial(runs.at_rate(spec, noisy(spec)))
        rounds.go_on()
        assert folder.read_run() == before
        folder.write_trial(runs.at_rate(before.trials[-1], noisy(before.trials[-1])))
        rounds.go_on()
        assert len(folder.read_run().trials) == len(before.trials) + 2

    def test_a_run_without_a_valid_trial_ends_after_the_first_repeats(self, tmp_path: Path) -> None:
        planned = plan(FAST, time_s=1000)
        folder = begun(tmp_path, planned)
        for spec in folder.read_run().trials:
            folder.write_trial(runs.trial(spec, errors={"reset": 500}))
        Rounds(planned, folder, 5).go_on()
        run = folder.read_run()
        assert (len(run.trials), run.searching) == (6, False)

    def test_a_damaged_trial_does_not_stop_the_run(self, tmp_path: Path) -> None:
        planned = plan(FAST, time_s=1000)
        folder = begun(tmp_path, planned)
        for spec in folder.read_run().trials:
            folder.write_trial(runs.at_rate(spec, noisy(spec)))
        (folder.trials / folder.read_run().trials[0].file).write_text("{")
        Rounds(planned, folder, 5).go_on()
        assert len(folder.read_run().trials) == 8

    @pytest.mark.parametrize("rate", [noisy, steady])
    def test_trial_files_alone_show_why_the_run_ended(self, rate: Rate, tmp_path: Path) -> None:
        folder, _ = play(tmp_path, plan(WAIT, FAST, time_s=300), rate)
        comparison = load_comparison(folder)
        assert comparison.missing == []
        left_s = 300 - load_s(comparison.run.trials)
        assert all(each.sure for each in certainties(comparison)) or left_s < 22
