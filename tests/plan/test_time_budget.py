"""Plans with a time budget instead of repeats: what is refused, and how many repeats the time allows."""

from pathlib import Path

import pytest

from tests.plan.test_plan import MINE, VARIANTS, refusal, written
from waitbench.plan.plan import Plan
from waitbench.plan.plan_file import load_plan
from waitbench.plan.selection import select
from waitbench.plan.time_budget import least_s, most_repeats, require_time
from waitbench.plan.trial_order import Blocks, schedule

TOP = 'title = "t"\nwarmup_s = 1.0\nmeasure_s = 2.0\nvariants = ["flask-threads", "fastapi-asyncio"]\n'
WAIT = '[[cells]]\nworkload = "wait"\nparams = { ms = 5 }\nusers = [1, 10]\n'
FAST = '[[cells]]\nworkload = "fast"\nusers = [10]\nmeasure_s = 4.0\n'
SURE = "time_s = 120\nsure_within = 0.05\n"


def plan(text: str, folder: Path) -> Plan:
    return load_plan(written(folder, text), VARIANTS)


# The keys, what the message names, and what it says would be right.
BAD = {
    "repeats too": (SURE + "repeats = 5\n" + TOP + WAIT, "repeats cannot be used with sure_within", "remove repeats"),
    "no time": ("sure_within = 0.05\n" + TOP + WAIT, "sure_within needs time_s", "add time_s = 300"),
    "time alone": ("time_s = 120\n" + TOP + WAIT, "time_s needs sure_within", "sure_within = 0.05"),
    "per cent": ("time_s = 120\nsure_within = 5\n" + TOP + WAIT, "sure_within: 5 is out of range", "0.05 for 5 %"),
    "no share": ("time_s = 120\nsure_within = 0\n" + TOP + WAIT, "sure_within: 0 is out of range", "0.005 to 0.5"),
    "no seconds": ("time_s = 0\nsure_within = 0.05\n" + TOP + WAIT, "time_s: 0 is out of range", "at least 1"),
    "a week": ("time_s = 604800\nsure_within = 0.05\n" + TOP + WAIT, "time_s: ", "at most 28800"),
    # A block of `wait` takes 2 x 3 s; each repeat has two.
    "too little time": ("time_s = 35.9\nsure_within = 0.05\n" + TOP + WAIT, "time_s = 35.9", "time_s = 36 or more"),
    "a search": (
        SURE + TOP + '[[cells]]\nworkload = "fast"\nfind = "knee"\np99_ms = 50\n', 'find = "knee"', "to another plan",
    ),
    "a cell's two repeats": (SURE + TOP + WAIT + "repeats = 2\n", "cells[0].repeats = 2", "give 3 to 30"),
    "a cell's 31 repeats": (SURE + TOP + WAIT + "repeats = 31\n", "cells[0].repeats = 31", "give 3 to 30"),
    "too many trials": (
        "time_s = 28800\nsure_within = 0.05\nmeasure_s = 0.5\nwarmup_s = 0\n"
        + TOP.replace("warmup_s = 1.0\nmeasure_s = 2.0\n", "")
        + '[[cells]]\nworkload = "fast"\nrate = [' + ", ".join(map(str, range(1, 100))) + "]\n"
        + '[[cells]]\nworkload = "fast"\nusers = [' + ", ".join(map(str, range(1, 100))) + "]\n",
        "11,880 trials in all", "at most 10,000",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_mistake_is_refused_with_its_key_and_advice(name: str, tmp_path: Path) -> None:
    text, key, advice = BAD[name]
    said = refusal(tmp_path, text)
    assert key in said
    assert advice in said


def test_the_lowest_number_of_repeats_is_three_and_may_be_raised_for_a_cell(tmp_path: Path) -> None:
    found = plan("time_s = 300\nsure_within = 0.05\n" + TOP + WAIT + FAST + "repeats = 4\n", tmp_path)
    repeats = [(slot.cell.workload, slot.repeat) for slot in schedule(found, seed=1)]
    assert max(repeat for name, repeat in repeats if name == "wait") == 3
    assert max(repeat for name, repeat in repeats if name == "fast") == 4


def test_a_fixed_plan_has_no_budget(tmp_path: Path) -> None:
    found = plan("repeats = 2\n" + TOP + WAIT, tmp_path)
    assert (found.time_s, found.sure_within, most_repeats(found, Blocks(found))) == (None, None, None)
    require_time(found, VARIANTS)


class TestMostRepeats:
    # A block of `wait` takes 2 contenders x 3 s = 6 s, and one of `fast` 2 x 5 s = 10 s. Two loads and one: 22 s for
    # each repeat, 66 s for three.
    @pytest.mark.parametrize(("time_s", "most"), [(66, 3), (71.9, 3), (72, 4), (96, 8), (120, 12), (10_000, 30)])
    def test_it_is_what_the_shortest_block_can_have_alone(self, time_s: float, most: int, tmp_path: Path) -> None:
        found = plan(f"time_s = {time_s}\nsure_within = 0.05\n" + TOP + WAIT + FAST, tmp_path)
        blocks = Blocks(found)
        assert (least_s(blocks), most_repeats(found, blocks)) == (66, most)

    def test_a_contender_that_does_not_serve_a_workload_takes_no_time(self, tmp_path: Path) -> None:
        found = plan("time_s = 150\nsure_within = 0.05\n" + TOP + WAIT + FAST + MINE, tmp_path)
        assert least_s(Blocks(found)) == 3 * (9 + 9 + 10)

    def test_a_plan_with_more_contenders_than_its_file_is_checked_again(self, tmp_path: Path) -> None:
        found = plan("time_s = 36\nsure_within = 0.05\n" + TOP + WAIT, tmp_path)
        chosen = select(found, VARIANTS, ["flask-threads"] * 3, [])
        with pytest.raises(Exception, match="give time_s = 54 or more"):
            require_time(chosen, VARIANTS)
