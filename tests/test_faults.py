"""The list of faults that the tests have to detect fits the code. `make faults` injects them."""

from dataclasses import replace
from pathlib import Path

import pytest

from tools.faults.inject import TARGETS, Fault, load_faults

FAULTS = load_faults()
ROOT = Path(__file__).parents[1]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with the files that the faults are injected into."""
    for name in {fault.file for fault in FAULTS}:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text())
    return tmp_path


def test_the_list_holds_at_least_20_faults_with_names_of_their_own() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 20


def test_at_least_15_faults_have_to_be_detected_by_the_fast_tests() -> None:
    assert {fault.tier for fault in FAULTS} <= TARGETS.keys()
    assert sum(fault.tier == "fast" for fault in FAULTS) >= 15


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_changes_its_file_and_leaves_it_valid_python(fault: Fault, copy: Path) -> None:
    """Any test would detect a syntax error, so such a fault would prove nothing."""
    fault.inject(copy)

    changed = (copy / fault.file).read_text()
    assert changed != (ROOT / fault.file).read_text()
    compile(changed, fault.file, "exec")


def test_a_fault_whose_place_is_gone_is_an_error(copy: Path) -> None:
    gone = replace(FAULTS[0], before="a line that is nowhere")

    with pytest.raises(ValueError, match="0 places"):
        gone.inject(copy)
