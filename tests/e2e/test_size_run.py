"""A whole sizing of one variant: calibration, arithmetic, and a measured recommendation, in short trials."""

import json
from contextlib import nullcontext
from pathlib import Path

import pytest
from rich.console import Console

from tests.e2e.bench import FLASK, NOISE
from waitbench.analysis.loading import load_comparison
from waitbench.analysis.sizing.lines import arithmetic_lines, as_json, confirmation_lines
from waitbench.analysis.sizing.recommendation import Goal
from waitbench.catalog.variants import load_variants
from waitbench.records.folder import RunFolder
from waitbench.run import size as sizing
from waitbench.run.size import Sizer

pytestmark = pytest.mark.live

RATE, WAIT_MS, P99_MS = 400, 50, 400
SHORT = {"CALIBRATION_S": 1.0, "CALIBRATION_REPEATS": 1, "REPEATS": 2, "WINDOW_S": (1.5, 3.0), "WARMUP_S": 0.5}


@pytest.fixture(scope="module")
def sized(tmp_path_factory: pytest.TempPathFactory) -> Sizer:
    known = load_variants()
    own = Sizer(Goal(RATE, WAIT_MS, P99_MS), [known[FLASK]], known, tmp_path_factory.mktemp("size"), 1, Console())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            sizing, "sole_run", lambda *_: nullcontext(lambda: None)
        )  # as other tests, it may share the machine
        for name, value in SHORT.items():
            patch.setattr(sizing, name, value)
        own.size(lambda _: None)
    return own


def test_the_recommended_number_of_threads_is_a_few_more_than_the_requests_in_flight(sized: Sizer) -> None:
    found = sized.found[0].recommended
    least = RATE * WAIT_MS / 1000
    assert found.size.workers == 1
    assert found.in_flight >= least
    assert found.in_flight < found.size.slots <= 2 * found.in_flight
    assert found.smaller
    assert found.smaller.slots < found.size.slots


def test_both_configurations_were_measured_with_their_limits_read_back(sized: Sizer) -> None:
    found = sized.found[0]
    sizes = [found.recommended.size, found.recommended.smaller]
    assert [each.size for each in found.measured] == sizes
    for each in found.measured:
        assert each.cell.target.budget_read == each.cell.target.budget
        assert each.cell.target.budget["in_flight"] == each.size.slots
        assert len(each.judged) == SHORT["REPEATS"]
        assert {code for one in each.judged for code in one.why_void} <= NOISE | {"dispatch-delay"}


def test_fewer_threads_than_requests_in_flight_never_meet_the_objective(sized: Sizer) -> None:
    found = sized.found[0]
    assert found.recommended.smaller
    if found.recommended.smaller.slots < RATE * WAIT_MS / 1000:
        assert found.measured[1].outcome != "meets"


def test_the_runs_are_kept_and_what_is_printed_agrees_with_them(sized: Sizer) -> None:
    names = [load_comparison(RunFolder(folder)).run.plan_name for folder in sized.folders]
    assert names == ["size-calibration", "size"]
    assert all((Path(folder) / "report.html").exists() for folder in sized.folders)
    each = sized.found[0]
    shown = json.loads(json.dumps(as_json(each.recommended, each.measured, each.why_not)))
    assert shown["confirmed"] is each.confirmed
    lines = [*arithmetic_lines(each.recommended), *confirmation_lines(each.recommended, each.measured, each.why_not)]
    assert f"{shown['recommended']['in_flight']} threads" in lines[0]
    assert lines[-1].split(None, 1)[1] == shown["verdict"]
