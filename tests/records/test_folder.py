"""The files of a run."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.made_up import runs
from waitbench.errors import Unwritable, WaitbenchError
from waitbench.records.folder import RunFolder
from waitbench.records.live import Live

SPECS = [runs.spec(variant, repeat=1) for variant in ("flask-threads", "django-gevent")]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return runs.run_folder(tmp_path / "a-run", runs.run_record(SPECS), [runs.trial(s) for s in SPECS])


def changed(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_files_are_read_back_as_they_were_written(folder: RunFolder) -> None:
    run = runs.run_record(SPECS)
    assert folder.read_run() == run
    assert folder.read_trials(run) == [runs.trial(spec) for spec in SPECS]


def test_only_planned_trials_are_read_and_in_the_planned_order(folder: RunFolder) -> None:
    folder.write_trial(runs.trial(runs.spec("fastapi-asyncio")))
    turned = runs.run_record(SPECS[::-1])
    assert [trial.spec for trial in folder.read_trials(turned)] == SPECS[::-1]


def test_a_trial_that_is_not_there_is_left_out(folder: RunFolder) -> None:
    (folder.trials / SPECS[0].file).unlink()
    assert not folder.has_trial(SPECS[0])
    assert [trial.spec for trial in folder.read_trials(folder.read_run())] == [SPECS[1]]


def test_letters_of_every_script_survive(folder: RunFolder) -> None:
    folder.write_run(runs.run_record(SPECS, title="Warten – 等待 ≤ 5 µs"))
    assert folder.read_run().plan.title == "Warten – 等待 ≤ 5 µs"


def test_a_write_that_fails_leaves_the_old_file_whole(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(Unwritable, match=r"No space left on device\. Free some space there"):
        folder.write_run(runs.run_record(SPECS, title="newer"))
    with pytest.raises(Unwritable, match=r"No space left on device\. Free some space there"):
        folder.write_trial(runs.trial(runs.spec("fastapi-asyncio")))
    monkeypatch.undo()
    assert folder.read_run().plan.title == "A made-up run"
    assert sorted(file.name for file in folder.trials.glob("*.json")) == sorted(spec.file for spec in SPECS)


def test_a_kill_in_the_middle_of_writing_leaves_no_half_trial(folder: RunFolder) -> None:
    """Such a kill leaves only the draft."""
    (folder.trials / f"{SPECS[0].file}.part").write_text('{"schema_ver')
    assert len(folder.read_trials(folder.read_run())) == 2


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WaitbenchError, match=r"is not a run folder.*results/"):
        RunFolder(tmp_path).read_run()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema_version": 2}', "\x00\x00"])
def test_an_incomplete_file_is_reported_with_advice(folder: RunFolder, text: str) -> None:
    (folder.trials / SPECS[0].file).write_text(text)
    with pytest.raises(WaitbenchError) as caught:
        folder.read_trials(folder.read_run())
    assert str(folder.trials / SPECS[0].file) in str(caught.value)
    assert "Restore it, or remove it" in str(caught.value)


def test_a_field_of_the_wrong_kind_is_named(folder: RunFolder) -> None:
    changed(folder.path / "run.json", seed="seven")
    with pytest.raises(WaitbenchError, match=r"run\.json is damaged: seed: "):
        folder.read_run()


def test_a_trial_file_that_cannot_be_read_is_reported(folder: RunFolder) -> None:
    file = folder.trials / SPECS[0].file
    file.unlink()
    file.mkdir()
    with pytest.raises(WaitbenchError, match="cannot be read: it is a directory"):
        folder.read_trials(folder.read_run())


@pytest.mark.parametrize("version", [0, 1, 99])
def test_a_file_of_another_schema_is_reported_with_its_version(folder: RunFolder, version: int) -> None:
    changed(folder.path / "run.json", schema_version=version)
    with pytest.raises(
        WaitbenchError, match=f"schema version {version}; this waitbench reads 2 and 3. Report the run with"
    ):
        folder.read_run()


def test_a_later_schema_is_reported_even_if_its_fields_differ(folder: RunFolder) -> None:
    (folder.trials / SPECS[0].file).write_text('{"schema_version": 4, "other": "fields"}')
    with pytest.raises(WaitbenchError, match="schema version 4"):
        folder.read_trials(folder.read_run())


def test_a_file_that_a_later_minor_version_added_a_field_to_is_read(folder: RunFolder) -> None:
    changed(folder.path / "run.json", something_new=1)
    assert folder.read_run() == runs.run_record(SPECS)


def test_the_live_file_is_there_during_a_run_and_gone_afterwards(folder: RunFolder) -> None:
    assert folder.read_live() is None
    folder.write_live(Live(at=1.0, done=1, total=2, phase="warm-up"))
    assert folder.read_live() == Live(at=1.0, done=1, total=2, phase="warm-up")
    folder.drop_live()
    folder.drop_live()
    assert folder.read_live() is None


def test_half_a_live_file_is_ignored(folder: RunFolder) -> None:
    (folder.path / "live.json").write_text('{"at": ')
    assert folder.read_live() is None
