"""The report of a run that decides on its repeats: how certain each result is, and what more time would give."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.analysis.test_certainty import sure_run
from tests.analysis.test_comparison import DJANGO, FLASK, at_rates
from tests.made_up import runs
from tests.made_up.matrix import matrix_run, matrix_trials
from tests.made_up.reported import uncharted
from waitbench.analysis.comparison import Comparison, compare
from waitbench.records.trial import TrialRecord
from waitbench.report.contents import report_of
from waitbench.report.words.facts import facts
from waitbench.report.words.repeats import each_certainty
from waitbench.report.words.summary import CERTAINTY, certainty
from waitbench.report.write import write_report

SURE = at_rates({FLASK: [40, 41, 42], DJANGO: [80, 82, 84]})
DECIDED = at_rates({FLASK: [20, 22, 21], DJANGO: [80, 82, 84]}, load=11)
UNDECIDED = at_rates({FLASK: [70, 80, 60, 66, 74], DJANGO: [80, 70, 75, 77, 72]}, load=12)
BOUND = at_rates({FLASK: [126, 129, 127], DJANGO: [129, 126, 128]}, load=13)


def lines(*trials: TrialRecord, **changes: float) -> list[str]:
    return each_certainty(sure_run(trials, **changes))  # type: ignore[arg-type]


class TestEachResult:
    def test_a_sure_result_shows_its_width(self) -> None:
        assert lines(*SURE) == [
            "A plain wait (ms = 100), 10 users: sure after 3 repeats. The widest CI is ±0.0 % of its ratio (Flask on "
            "threads)."
        ]

    def test_a_decided_result_shows_what_would_make_it_sure(self) -> None:
        [line, total] = lines(*DECIDED)
        assert line.startswith("A plain wait (ms = 100), 11 users: decided after 3 repeats. The widest CI is ±")
        assert "% of its ratio (Flask on threads). About " in line
        assert line.endswith(" of load) would give ±5 %.")
        assert "would make every result sure within 5 % (estimated from the present spread): give time_s = " in total

    def test_the_time_is_that_of_the_further_blocks(self) -> None:
        comparison = sure_run(UNDECIDED, within=0.2, time_s=110)
        [line, total] = each_certainty(comparison)
        # Ten trials of 11 s; each more repeat takes 22 s.
        more = int(line.partition("About ")[2].partition(" more repeat")[0])
        assert f"({22 * more} s of load)" in line or f"({22 * more / 60:.1f} min of load)" in line
        assert total.endswith(f"give time_s = {110 + 22 * more}.")

    def test_more_repeats_than_a_run_has_are_no_advice(self) -> None:
        [line] = lines(*UNDECIDED, within=0.01)
        assert "12 users: undecided after 5 repeats." in line
        assert line.endswith("For ±1 % it needs more than 30 repeats: raise measure_s, or use a quieter machine.")

    def test_load_points_that_are_not_compared_are_listed(self) -> None:
        alone = [runs.at_rate(runs.spec(FLASK, "fast", {}, 20, repeat=n), 80) for n in (1, 2, 3)]
        found = lines(*BOUND, *alone)
        assert found == [
            "At the theoretical maximum, so not repeated further: A plain wait (ms = 100), 13 users.",
            "Fewer than two contenders count, so not repeated further: An immediate response, 20 users.",
        ]

    def test_a_run_with_one_repeat_has_no_interval_yet(self) -> None:
        assert lines(*UNDECIDED[:1], UNDECIDED[5]) == [
            "A plain wait (ms = 100), 12 users: undecided after 1 repeat. Flask on threads has no CI yet."
        ]

    def test_a_run_with_fixed_repeats_has_no_such_line(self) -> None:
        comparison = runs.compared(UNDECIDED)
        assert each_certainty(comparison) == []
        assert not any("decided" in line or "looks" in line for line in certainty(comparison))


class TestWhenItStopped:
    def text(self, trials: Sequence[TrialRecord], **changes: float) -> str:
        return " ".join(certainty(sure_run(trials, **changes)))  # type: ignore[arg-type]

    def test_repeats_time_and_looks_are_reported(self) -> None:
        text = self.text([*SURE, *UNDECIDED], time_s=200)
        assert "Each row has 3 to 5 trials of 10 s." in text
        assert "first, then those with a CI wider than ±5 %. A result is decided if it is significant or a tie" in text
        assert "The run used 2.9 min of its 3.3 min of load." in text  # 16 trials of 11 s
        assert "Every CI allows for the looks at the results after each round of repeats." in text

    def test_the_method_names_the_level_of_each_look(self) -> None:
        rows = dict(facts(sure_run(UNDECIDED, most=8))[0][1])
        assert rows["plan"].startswith("made-up, 5 repeats, seed 7")
        assert rows["intervals"].endswith("; each look has 98.56%, so that up to 8 repeats have 95 %")

    def test_effects_of_factors_are_those_of_the_first_repeats(self) -> None:
        made = matrix_trials(repeats=5)
        fixed = compare(matrix_run([t for t in made if t.spec.repeat <= 3]), [t for t in made if t.spec.repeat <= 3])
        run = matrix_run(made).model_copy(update={"most_repeats": 8})
        found = compare(runs.with_plan(run, repeats=3, time_s=900.0, sure_within=0.05), made)
        assert [each.measures for each in found.factors] == [each.measures for each in fixed.factors]
        assert found.factors_of(found.sections[0]) is found.factors[0]
        assert "The effects of factors, such as framework and model, use only the first 3 repeats." in certainty(found)


class TestInterrupted:
    def comparison(self) -> Comparison:
        """A run that was interrupted in its second round: three of its four trials are here."""
        specs = [trial.spec for trial in UNDECIDED]
        run = runs.run_record(specs, status="interrupted", message="by a user", searching=True, most_repeats=8)
        return compare(runs.with_plan(run, repeats=3, time_s=600.0, sure_within=0.05), UNDECIDED[:4] + UNDECIDED[5:])

    def test_the_planned_trials_and_what_might_have_followed_are_reported(self) -> None:
        found = self.comparison()
        assert found.state == (
            "This run was interrupted: by a user. 9 of 10 trials are here; missing: flask-threads 1. More repeats "
            "might have followed."
        )
        assert not found.all_valid

    def test_the_result_has_the_repeats_that_are_here_and_no_total(self) -> None:
        [line] = each_certainty(self.comparison())
        assert "undecided after 4 repeats." in line

    def test_the_time_used_is_that_of_the_trials_that_are_here(self) -> None:
        assert "The run used 99 s of its 10.0 min of load." in certainty(self.comparison())


@uncharted
@pytest.mark.parametrize("name", ["report.html", "report.md"])
def test_both_formats_show_it_in_their_section(name: str, tmp_path: Path) -> None:
    comparison = sure_run([*SURE, *DECIDED, *UNDECIDED, *BOUND])
    folder = runs.run_folder(tmp_path / "a-run", comparison.run, [*SURE, *DECIDED, *UNDECIDED, *BOUND])
    write_report(folder)
    section = (folder.path / name).read_text().partition(CERTAINTY)[2].partition("It shows")[0]
    for line in report_of(comparison, charted=False).certainties:
        assert line.partition(":")[0] in section
    assert "decided after 3 repeats" in section
    assert "give time_s = " in section
