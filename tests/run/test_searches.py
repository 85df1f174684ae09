"""Tests the searches of a run, block by block, with made-up trials instead of measured ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.made_up import runs
from tests.run.playing import play_run
from waitbench.analysis.knee.search import MOST_TRIALS
from waitbench.analysis.loading import load_comparison
from waitbench.catalog.variants import load_variants
from waitbench.plan.plan import Plan
from waitbench.records.folder import RunFolder
from waitbench.records.spec import TrialSpec
from waitbench.records.trial import TrialRecord
from waitbench.run.prepare import new_folder, run_record, targets
from waitbench.run.searches import LONGEST_S, Searches

VARIANTS = load_variants()
KNEE = {"workload": "wait", "params": {"ms": 100}, "find": "knee", "p99_ms": 200.0, "from_rate": 100.0}
MINE = {"name": "mine", "base_url": "http://127.0.0.1:9", "paths": {"fast": "/f"}}
KNEES = {"flask-threads": 150.0, "django-gevent": 4000.0}
Service = Callable[[TrialSpec], bool]
"""Returns whether a contender meets the objective in a trial."""


def plan(*cells: dict[str, Any], **changes: Any) -> Plan:
    known = {"title": "t", "repeats": 2, "variants": ["flask-threads", "django-gevent"], "cells": list(cells)}
    return Plan.model_validate(known | changes)


def begun(place: Path, planned: Plan) -> RunFolder:
    urls = dict.fromkeys(planned.variants, "http://127.0.0.1:1")
    folder = new_folder(place, "a-run")
    proven = {"proofs": runs.target().proofs}
    found = {name: target.model_copy(update=proven) for name, target in targets(planned, VARIANTS, urls).items()}
    folder.write_run(run_record(folder, planned, "p", "local", 5, found, None))
    return folder


def objective_ms(spec: TrialSpec) -> float:
    return spec.conditions.search.objective_p99_ms if spec.conditions.search else 0.0


def played(spec: TrialSpec, met: bool = True) -> TrialRecord:
    """A trial with a small sample: all requests meet the objective, or half of them do. The rate is the spec's."""
    taken_us = [110_000] * 100 if met else [110_000] * 50 + [900_000] * 50
    changes: dict[str, Any] = {"window_s": spec.measure_s} | ({} if spec.instrumented else {"usage": runs.NO_USAGE})
    if spec.load_model == "closed":
        return runs.trial(spec, window_s=spec.measure_s)
    return runs.open_trial(spec, taken_us=taken_us, **changes)


def play(folder: RunFolder, planned: Plan, service: Service) -> list[list[TrialSpec]]:
    """Play a whole run. Returns its blocks."""
    return play_run(folder, Searches(planned, folder, 5), lambda spec: played(spec, service(spec)), 500)


def below(knees: dict[str, float]) -> Service:
    return lambda spec: spec.load < knees[spec.variant]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, list[list[TrialSpec]]]:
    planned = plan(KNEE)
    folder = begun(tmp_path_factory.mktemp("searched"), planned)
    return folder, play(folder, planned, below(KNEES))


@pytest.fixture(scope="module")
def blocks(searched: tuple[RunFolder, list[list[TrialSpec]]]) -> list[list[TrialSpec]]:
    return searched[1]


class TestBlocks:
    def test_each_has_every_contender_once_until_its_search_is_finished(self, blocks: list[list[TrialSpec]]) -> None:
        together = [len(block) for block in blocks]
        assert all(len({spec.variant for spec in block}) == len(block) for block in blocks)
        assert together == sorted(together, reverse=True)
        assert together[0] == 2
        assert together[-1] == 1  # one search needs fewer trials than the other

    def test_the_order_within_a_block_varies(self, blocks: list[list[TrialSpec]]) -> None:
        assert {block[0].variant for block in blocks if len(block) == 2} == {"flask-threads", "django-gevent"}

    def test_blocks_and_trials_are_numbered_and_every_file_has_a_name_of_its_own(
        self, blocks: list[list[TrialSpec]]
    ) -> None:
        every = [spec for block in blocks for spec in block]
        assert [{spec.block for spec in block} for block in blocks] == [{n} for n in range(1, len(blocks) + 1)]
        assert len({spec.file for spec in every}) == len(every)
        flask = [spec.repeat for spec in every if spec.variant == "flask-threads"]
        assert flask == list(range(1, len(flask) + 1))

    def test_each_block_has_its_own_arrivals_which_its_trials_share(self, blocks: list[list[TrialSpec]]) -> None:
        seeds = [{spec.arrivals_seed for spec in block} for block in blocks]
        assert all(len(each) == 1 for each in seeds)
        assert len(set().union(*seeds)) == len(blocks)

    def test_a_trial_is_long_enough_for_its_p99_or_as_long_as_allowed(self, tmp_path: Path) -> None:
        planned = plan(KNEE | {"from_rate": 20.0}, measure_s=4.0)
        for block in play(begun(tmp_path, planned), planned, lambda spec: spec.load < 700):
            for spec in block:
                assert spec.measure_s >= 4.0
                assert spec.load * spec.measure_s >= 999 or spec.measure_s == LONGEST_S
                assert spec.measure_s in (4.0, LONGEST_S) or spec.load * spec.measure_s == pytest.approx(1000)

    def test_each_contender_s_knee_is_found(self, searched: tuple[RunFolder, list[list[TrialSpec]]]) -> None:
        [section] = load_comparison(searched[0]).knees
        for knee in section.knees:
            assert knee.finished
            assert knee.low is not None
            assert knee.high is not None
            assert knee.low < KNEES[knee.variant] <= knee.high


class TestOrder:
    def test_given_loads_come_first_and_searches_one_after_another(self, tmp_path: Path) -> None:
        fast = {"workload": "fast", "find": "knee", "p99_ms": 200.0, "to_rate": 400.0}
        given = {"workload": "wait", "params": {"ms": 100}, "users": [10]}
        planned = plan(KNEE, given, fast)
        folder = begun(tmp_path, planned)
        assert [spec.load_model for spec in folder.read_run().trials] == ["closed"] * 4
        searches = Searches(planned, folder, 5)
        searches.go_on()
        assert len(folder.read_run().trials) == 4  # the planned trials have to be finished first
        for spec in folder.read_run().trials:
            folder.write_trial(played(spec))
        blocks = play(folder, planned, lambda spec: spec.load < 250)
        order = [block[0].workload for block in blocks[1:]]
        assert order == sorted(order, reverse=True)  # wait, then fast
        assert set(order) == {"wait", "fast"}
        assert {spec.block for spec in blocks[1]} == {4}  # after two blocks of the given load, and one of the search

    def test_nothing_is_added_before_every_trial_is_finished(self, tmp_path: Path) -> None:
        planned = plan(KNEE)
        folder = begun(tmp_path, planned)
        searches = Searches(planned, folder, 5)
        searches.go_on()
        first, second = folder.read_run().trials
        folder.write_trial(played(first))
        searches.go_on()
        assert folder.read_run().trials == [first, second]
        assert folder.read_run().searching

    def test_two_objectives_of_one_workload_are_two_searches(self, tmp_path: Path) -> None:
        planned = plan(KNEE, KNEE | {"p99_ms": 500.0})
        folder = begun(tmp_path, planned)
        play(folder, planned, lambda spec: spec.load < 4 * objective_ms(spec))
        first, second = load_comparison(folder).knees
        assert [section.objective_ms for section in (first, second)] == [200, 500]
        assert first.key != second.key
        assert all(k.low and k.high and k.low < 800 <= k.high for k in first.knees)
        assert all(k.low and k.high and k.low < 2000 <= k.high for k in second.knees)


class TestServes:
    def test_a_contender_is_measured_only_on_what_it_serves(self, tmp_path: Path) -> None:
        planned = plan(KNEE, {"workload": "fast", "find": "knee", "p99_ms": 200.0}, external=[MINE])
        folder = begun(tmp_path, planned)
        every = [spec for block in play(folder, planned, lambda spec: spec.load < 300) for spec in block]
        assert {spec.workload for spec in every if spec.variant == "mine"} == {"fast"}
        assert {spec.path for spec in every if spec.variant == "mine"} == {"/f"}
        assert [len(section.knees) for section in load_comparison(folder).knees] == [2, 3]

    def test_a_search_that_no_contender_serves_is_skipped(self, tmp_path: Path) -> None:
        db = {"workload": "db", "params": {"ms": 5}, "find": "knee", "p99_ms": 200.0}
        planned = plan(db, KNEE, variants=["null"])
        folder = begun(tmp_path, planned)
        every = [spec for block in play(folder, planned, lambda spec: spec.load < 300) for spec in block]
        assert {spec.workload for spec in every} == {"wait"}


class TestEnd:
    def test_a_service_with_random_results_does_not_make_a_run_endless(self, tmp_path: Path) -> None:
        planned = plan(KNEE, repeats=12)
        blocks = play(begun(tmp_path, planned), planned, lambda spec: (spec.block * 7 + spec.repeat) % 3 > 0)
        assert len(blocks) <= MOST_TRIALS

    def test_trial_files_alone_give_the_same_result(self, tmp_path: Path) -> None:
        """A report that is rebuilt later has the same bounds, and shows that the search was finished."""
        planned = plan(KNEE)
        folder = begun(tmp_path, planned)
        play(folder, planned, lambda spec: spec.load < 300)
        again = load_comparison(folder)
        [knee] = [knee for knee in again.knees[0].knees if knee.variant == "flask-threads"]
        assert knee.finished
        assert again.all_valid == (knee.low is not None) is True
