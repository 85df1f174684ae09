"""A run folder of schema version 2, with the tables that the waitbench of that version made from it.

It has two forms of one contender, two cores, an open loop, a mixed load, a burst and a search.
"""

import json
import shutil
from pathlib import Path

import pytest

from waitbench.analysis.loading import load_comparison
from waitbench.errors import WaitbenchError
from waitbench.records.folder import RunFolder
from waitbench.report.formats.csv_files import text
from waitbench.report.tables.summary import summary
from waitbench.report.tables.trials import trials

FOLDER = Path(__file__).parent / "schema_2"


@pytest.fixture
def copy(tmp_path: Path) -> RunFolder:
    """A copy without the tables."""
    shutil.copytree(FOLDER, tmp_path / "run", ignore=shutil.ignore_patterns("*.csv"))
    return RunFolder(tmp_path / "run")


def test_a_folder_of_schema_2_gives_the_same_tables() -> None:
    comparison = load_comparison(RunFolder(FOLDER))
    assert json.loads((FOLDER / "run.json").read_text())["schema_version"] == 2
    assert text(summary(comparison)) == (FOLDER / "summary.csv").read_text()
    assert text(trials(comparison)) == (FOLDER / "trials.csv").read_text()


def test_its_plan_is_kept_and_its_contender_is_compared_with_itself() -> None:
    run = RunFolder(FOLDER).read_run()
    assert (run.schema_version, run.plan.title, run.plan.repeats) == (3, "A run of schema version 2", 2)
    assert run.targets["flask-threads-2"].same_as == "flask-threads"
    assert [section.conditions.scenario.kind for section in run.sections] == [
        "plain", "plain", "plain", "search", "mixed", "burst",
    ]  # fmt: skip


def test_a_run_that_is_written_again_is_of_the_current_schema(copy: RunFolder) -> None:
    run, [first, *_] = copy.read_run(), RunFolder(FOLDER).read_trials(RunFolder(FOLDER).read_run())
    copy.write_run(run)
    copy.write_trial(first)
    assert json.loads((copy.path / "run.json").read_text())["schema_version"] == 3
    assert copy.read_run() == run
    assert copy.read_trial(first.spec) == first


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("plan",), []),
        (("plan", "cells"), 5),
        (("plan", "cells"), [{"workload": "wait"}]),
        (("targets",), None),
        (("trials",), [{}]),
        (("trials", 0, "beside"), "x"),
        (("trials", 0, "scenario"), "mixed"),
        (("trials", 0, "scenario"), "burst"),
        (("trials", 0, "load"), 1e400),
    ],
)
def test_a_damaged_run_of_schema_2_is_refused_on_one_line(
    path: tuple[str | int, ...], value: object, copy: RunFolder
) -> None:
    file = copy.path / "run.json"
    found = json.loads(file.read_text())
    inner = found
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    file.write_text(json.dumps(found))
    with pytest.raises(WaitbenchError, match=r"run\.json is damaged: .*\. Restore it") as raised:
        copy.read_run()
    assert "\n" not in str(raised.value)


def test_a_damaged_trial_of_schema_2_is_left_out_with_its_file(copy: RunFolder) -> None:
    file = sorted(copy.trials.iterdir())[0]
    file.write_text('{"schema_version": 2, "spec": []}')
    [damaged] = load_comparison(copy).damaged
    assert damaged.why.startswith(f"trials/{file.name} is damaged: ")
