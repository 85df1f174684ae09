"""Blocks that replace others: which block counts, and records in which they contradict each other."""

from pathlib import Path

import pytest

from tests.made_up import runs
from waitbench.errors import WaitbenchError
from waitbench.records.folder import RunFolder
from waitbench.records.replaced import uncounted_blocks
from waitbench.records.spec import TrialSpec

FLASK, DJANGO = "flask-threads", "django-gevent"


def block(
    number: int, replaces: int = 0, repeat: int = 1, variants: tuple[str, ...] = (FLASK, DJANGO)
) -> list[TrialSpec]:
    return [runs.spec(name, repeat=repeat, block=number, replaces=replaces) for name in variants]


def files(*specs: TrialSpec) -> set[str]:
    return {spec.file for spec in specs}


class TestUncountedBlocks:
    def test_without_replacements_every_block_counts(self) -> None:
        assert uncounted_blocks([*block(1), *block(2, repeat=2)], set()) == {}

    def test_a_finished_replacement_counts_instead_of_the_block(self) -> None:
        specs = [*block(1), *block(2, replaces=1)]
        assert uncounted_blocks(specs, files(*specs)) == {1: 2}

    def test_until_all_its_trials_are_finished_a_replacement_does_not_count(self) -> None:
        specs = [*block(1), *block(2, replaces=1)]
        assert uncounted_blocks(specs, files(*specs[:3])) == {2: None}

    def test_of_a_chain_only_the_last_finished_one_counts_and_each_has_the_next(self) -> None:
        specs = [*block(1), *block(2, replaces=1), *block(3, replaces=2)]
        assert uncounted_blocks(specs, files(*specs)) == {1: 2, 2: 3}
        assert uncounted_blocks(specs, files(*specs[:5])) == {1: 2, 3: None}


CONTRADICTIONS = {
    "none": ([*block(1), *block(2, replaces=9)], "trials.2.replaces: it is 9, but no earlier block"),
    "itself": ([*block(1), *block(2, replaces=2)], "trials.2.replaces: it is 2, but no earlier block"),
    "a later one": ([*block(1, replaces=2), *block(2)], "trials.0.replaces: it is 2, but no earlier block"),
    "another repeat": ([*block(1), *block(2, replaces=1, repeat=2)], "no earlier block of that number has the same"),
    "fewer contenders": ([*block(1), *block(2, replaces=1, variants=(FLASK,))], "has the same trials"),
    "twice": (
        [*block(1), *block(2, replaces=1), *block(3, replaces=1)],
        "trials.4.replaces: it is 1, which block 2 replaces already",
    ),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_run_whose_replacements_contradict_it_is_refused(name: str, tmp_path: Path) -> None:
    specs, says = CONTRADICTIONS[name]
    with pytest.raises(WaitbenchError, match="is damaged") as caught:
        runs.run_folder(tmp_path, runs.run_record(specs), []).read_run()
    assert says in str(caught.value)


def test_a_run_of_an_earlier_version_has_no_replacements(tmp_path: Path) -> None:
    specs = block(1)
    text = runs.run_record(specs).model_dump_json().replace('"replaces":0,', "")
    assert "replaces" not in text
    (tmp_path / "run.json").write_text(text)
    assert RunFolder(tmp_path).read_run().trials == specs
