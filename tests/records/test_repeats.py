"""run.json of a run that decides on its repeats: its parts have to agree, because its intervals depend on them."""

from pathlib import Path

import pytest

from tests.made_up import runs
from waitbench.errors import WaitbenchError
from waitbench.records.folder import RunFolder
from waitbench.records.run import RunRecord

SPECS = [runs.spec(repeat=repeat) for repeat in (1, 2, 3, 4)]


def read(run: RunRecord, folder: Path) -> RunRecord:
    RunFolder(folder).write_run(run)
    return RunFolder(folder).read_run()


def record(most_repeats: int | None, **plan: float) -> RunRecord:
    return runs.with_plan(runs.run_record(SPECS), **plan).model_copy(update={"most_repeats": most_repeats})


def test_a_run_keeps_its_budget(tmp_path: Path) -> None:
    found = read(record(4, time_s=60.0, sure_within=0.05), tmp_path)
    assert (found.most_repeats, found.plan.time_s, found.plan.sure_within) == (4, 60, 0.05)


def test_a_run_without_these_fields_has_fixed_repeats(tmp_path: Path) -> None:
    text = (record(None).model_dump_json()).replace('"most_repeats":null,', "").replace(',"most_repeats":null', "")
    assert "most_repeats" not in text
    (tmp_path / "run.json").write_text(text)
    found = RunFolder(tmp_path).read_run()
    assert (found.most_repeats, found.plan.time_s, found.plan.sure_within) == (None, None, None)


@pytest.mark.parametrize(
    ("run", "says"),
    [
        pytest.param(record(4), "most_repeats: it belongs to plan.time_s and plan.sure_within", id="no budget"),
        pytest.param(record(None, time_s=60.0), "most_repeats: it belongs to", id="time alone"),
        pytest.param(record(4, sure_within=0.05), "most_repeats: it belongs to", id="no time"),
        pytest.param(
            record(3, time_s=60.0, sure_within=0.05), "trials.3.repeat: it is 4, above most_repeats = 3", id="too many"
        ),
        pytest.param(record(31, time_s=60.0, sure_within=0.05), "most_repeats: input should be less", id="too high"),
    ],
)
def test_parts_that_do_not_agree_are_refused(run: RunRecord, says: str, tmp_path: Path) -> None:
    with pytest.raises(WaitbenchError, match="json is damaged") as caught:
        read(run, tmp_path)
    assert says in str(caught.value)
