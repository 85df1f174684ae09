"""Tests which blocks a run measures again, with made-up trials instead of measured ones."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.made_up import runs
from tests.run.playing import play_run
from tests.run.test_rounds import plan as sure_plan
from tests.run.test_searches import KNEE, begun, plan, played
from waitbench.analysis.loading import load_comparison
from waitbench.plan.plan import Plan
from waitbench.records.folder import RunFolder
from waitbench.records.spec import TrialSpec
from waitbench.records.trial import TrialRecord
from waitbench.run.further_trials import FurtherTrials
from waitbench.run.replacements import most_again_s
from waitbench.run.rounds import Rounds
from waitbench.run.searches import Searches

FLASK, DJANGO = "flask-threads", "django-gevent"
WAIT, FAST = {"workload": "wait", "params": {"ms": 100}, "users": [10]}, {"workload": "fast", "users": [20]}
LATE = {"generator": runs.GENERATOR.model_copy(update={"lag_p99_ms": 40.0})}
"""The generator was late: only the machine can cause that."""
Measured = Callable[[TrialSpec], dict[str, Any]]
"""Returns the figures of a trial that are not as usual."""


def settled(*cells: dict[str, Any], **changes: Any) -> Plan:
    """Each trial takes 11 s of load, and each block of two contenders 22 s."""
    return plan(*cells, **{"warmup_s": 1.0, "measure_s": 10.0} | changes)


def play(place: Path, planned: Plan, measured: Measured) -> tuple[RunFolder, list[list[TrialSpec]]]:
    """Play a whole run. Returns its folder and its rounds, the planned trials first."""
    folder = begun(place, planned)
    kind = Rounds if planned.sure_within else FurtherTrials
    return folder, play_run(folder, kind(planned, folder, 5), lambda spec: trial(spec, measured(spec)), 100)


def trial(spec: TrialSpec, changes: dict[str, Any]) -> TrialRecord:
    if spec.load_model == "open":
        return played(spec)
    return runs.trial(spec, **changes) if "errors" in changes else runs.at_rate(spec, 80.0, **changes)


def late(block: int, variant: str = FLASK) -> Measured:
    return lambda spec: LATE if (spec.block, spec.variant) == (block, variant) else {}


def always_late(_: TrialSpec) -> dict[str, Any]:
    return LATE


def undisturbed(_: TrialSpec) -> dict[str, Any]:
    return {}


class TestWhichBlocks:
    def test_an_undisturbed_run_gets_no_more_trials(self, tmp_path: Path) -> None:
        folder, [first] = play(tmp_path, settled(WAIT, FAST), undisturbed)
        assert len(first) == 8
        assert load_comparison(folder).all_valid

    def test_a_disturbed_block_is_measured_again_with_all_its_contenders(self, tmp_path: Path) -> None:
        folder, [first, again] = play(tmp_path, settled(WAIT, FAST), late(block=2))
        [old] = {(spec.point, spec.repeat) for spec in first if spec.block == 2}
        assert {(spec.point, spec.repeat) for spec in again} == {old}
        assert {spec.variant for spec in again} == {FLASK, DJANGO}
        assert [(spec.block, spec.replaces) for spec in again] == [(5, 2)] * 2
        comparison = load_comparison(folder)
        assert comparison.all_valid
        assert sorted(each.trial.spec.file for each in comparison.replaced) == sorted(
            spec.file for spec in first if spec.block == 2
        )
        assert {each.by for each in comparison.replaced} == {5}
        assert [len(cell.trials) for cell in comparison.cells] == [cell.planned for cell in comparison.cells] == [2] * 4

    def test_a_block_that_is_disturbed_again_has_one_more_try(self, tmp_path: Path) -> None:
        def thrice(spec: TrialSpec) -> dict[str, Any]:
            return LATE if spec.block == 1 or spec.replaces else {}

        folder, [_, second, third] = play(tmp_path, settled(WAIT, repeats=9, spare=1), thrice)
        assert [{spec.replaces for spec in each} for each in (second, third)] == [{1}, {10}]
        comparison = load_comparison(folder)
        assert not comparison.all_valid
        assert {each.trial.spec.block for each in comparison.replaced} == {1, 10}

    def test_an_error_of_the_service_is_never_excused(self, tmp_path: Path) -> None:
        def failing(spec: TrialSpec) -> dict[str, Any]:
            return LATE | {"errors": {"reset": 500}} if spec.variant == FLASK else {}

        folder, rounds = play(tmp_path, settled(WAIT), failing)
        assert len(rounds) == 1
        assert not load_comparison(folder).all_valid

    def test_a_block_is_kept_if_another_contender_of_it_failed_by_itself(self, tmp_path: Path) -> None:
        def mixed(spec: TrialSpec) -> dict[str, Any]:
            return LATE if spec.variant == FLASK else {"errors": {"reset": 500}}

        _, rounds = play(tmp_path, settled(WAIT), mixed)
        assert len(rounds) == 1

    def test_a_damaged_trial_file_is_left_to_the_report(self, tmp_path: Path) -> None:
        planned = settled(WAIT)
        folder = begun(tmp_path, planned)
        specs = folder.read_run().trials
        for spec in specs:
            folder.write_trial(trial(spec, LATE))
        for spec in specs:
            (folder.trials / spec.file).write_text("{")
        FurtherTrials(planned, folder, 5).go_on()
        assert (len(folder.read_run().trials), folder.read_run().searching) == (len(specs), False)

    def test_a_search_repeats_its_own_trials(self, tmp_path: Path) -> None:
        planned = plan(KNEE)
        folder = begun(tmp_path, planned)
        searches = Searches(planned, folder, 5)
        searches.go_on()
        for spec in folder.read_run().trials:
            folder.write_trial(played(spec).model_copy(update=LATE))
        searches.go_on()
        assert all(not spec.replaces for spec in folder.read_run().trials)


class TestTime:
    def test_no_more_than_the_spare_share_of_the_load_is_measured_again(self, tmp_path: Path) -> None:
        # Ten blocks of 22 s; a fifth of them is 44 s.
        _, [first, *again] = play(tmp_path, settled(WAIT, FAST, repeats=5), always_late)
        assert sum(spec.load_s for spec in first) == 220
        assert sum(spec.load_s for each in again for spec in each) == 44

    def test_one_block_fits_whatever_the_share(self, tmp_path: Path) -> None:
        _, [_, again] = play(tmp_path, settled(WAIT, repeats=2, spare=0.01), always_late)
        assert len(again) == 2

    def test_a_plan_without_spare_measures_nothing_again(self, tmp_path: Path) -> None:
        folder, rounds = play(tmp_path, settled(WAIT, spare=0), always_late)
        assert len(rounds) == 1
        assert not load_comparison(folder).all_valid

    def test_each_repeat_is_measured_again_at_most_twice(self, tmp_path: Path) -> None:
        folder, _ = play(tmp_path, settled(WAIT, repeats=2, spare=1), always_late)
        assert {*Counter(spec.repeat for spec in folder.read_run().trials).values()} <= {4, 6}

    def test_a_time_budget_is_kept(self, tmp_path: Path) -> None:
        # The lowest repeats take 66 s, so only one block of 22 s fits into 100 s.
        folder, _ = play(tmp_path, sure_plan(WAIT, time_s=100, spare=1), always_late)
        assert sum(spec.load_s for spec in folder.read_run().trials) == 88

    @pytest.mark.parametrize(
        ("spare", "time_s", "seconds"), [(0.0, None, 0), (0.2, None, 11), (0.75, None, 16.5), (1, 30, 8), (1, 20, 0)]
    )
    def test_the_seconds_that_may_be_measured_again(self, spare: float, time_s: float | None, seconds: float) -> None:
        specs = [runs.spec(repeat=1), runs.spec(repeat=2), runs.spec(repeat=2, block=3, replaces=2)]
        assert most_again_s(specs, spare, time_s) == seconds


class TestInterruption:
    def test_the_disturbed_block_counts_until_its_replacement_is_whole(self, tmp_path: Path) -> None:
        planned = settled(WAIT)
        folder = begun(tmp_path, planned)
        further = FurtherTrials(planned, folder, 5)
        for spec in folder.read_run().trials:
            folder.write_trial(trial(spec, late(block=1)(spec)))
        further.go_on()
        *_, first, last = folder.read_run().trials
        folder.write_trial(trial(first, {}))
        comparison = load_comparison(folder)
        assert [each.trial.spec.file for each in comparison.replaced] == [first.file]
        assert comparison.replaced[0].by is None
        assert comparison.missing == [last]
        assert [sorted(trial.spec.block for trial in cell.trials) for cell in comparison.cells] == [[1, 2]] * 2
        folder.write_trial(trial(last, {}))
        assert [sorted(t.spec.block for t in cell.trials) for cell in load_comparison(folder).cells] == [[2, 3]] * 2
