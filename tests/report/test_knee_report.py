"""What a report says of a search for the knee, in every format."""

import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.made_up import runs
from tests.made_up.reported import KNEES, knee_trials
from tests.report.test_report import Page, rows, svgs
from waitbench.analysis.comparison import Comparison, compare
from waitbench.analysis.knee.found import KneeSection
from waitbench.analysis.loading import load_comparison
from waitbench.records.folder import RunFolder
from waitbench.records.live import Live
from waitbench.records.trial import TrialRecord
from waitbench.report.summary import answers
from waitbench.report.words import knee_word
from waitbench.report.write import write_report

FLASK, DJANGO, FASTAPI = KNEES
SECTION = "wait-ms100-knee200"
STOPPED = "the generator ended the search before the service did"


@pytest.fixture(scope="module")
def page(knee_reported: RunFolder) -> Page:
    return Page((knee_reported.path / "report.html").read_text())


@pytest.fixture(scope="module")
def markdown(knee_reported: RunFolder) -> str:
    return (knee_reported.path / "report.md").read_text()


class TestWhole:
    def test_the_summary_has_a_row_for_each_contender_with_its_bounds(self, knee_reported: RunFolder) -> None:
        found = {row["variant"]: row for row in rows(knee_reported, "summary.csv")}
        bounds = {name: (row["knee_low"], row["knee_high"]) for name, row in found.items()}
        assert bounds == {FLASK: ("200", "218"), DJANGO: ("183", ""), FASTAPI: ("800", "872")}
        assert {row["load_model"] for row in found.values()} == {"knee"}
        assert {row["objective_p99_ms"] for row in found.values()} == {"200"}
        assert {name: row["reasons"] for name, row in found.items()} == {
            FLASK: "", DJANGO: f"knee: {STOPPED}", FASTAPI: "",
        }  # fmt: skip
        assert {row["valid"] for row in found.values()} == {"true"}

    def test_its_figures_are_those_at_the_lower_bound(self, knee_reported: RunFolder) -> None:
        found = {row["variant"]: row for row in rows(knee_reported, "summary.csv")}
        assert {name: row["requests"] for name, row in found.items()} == dict.fromkeys(KNEES, "2000")
        assert {row["p99_ms"] for row in found.values()} == {"110.0"}
        assert {name: row["load"] for name, row in found.items()} == {FLASK: "200", DJANGO: "183", FASTAPI: "800"}

    def test_trials_that_do_not_count_are_no_part_of_the_figures(self) -> None:
        """One trial of the lower bound was the generator's failure, and slow."""
        trials = [runs.knee_trial(FLASK, 100, True, n) for n in (1, 2)]
        late = runs.GENERATOR.model_copy(update={"lag_p99_ms": 150.0})
        trials.append(runs.knee_trial(FLASK, 100, False, 3, generator=late))
        [section] = of(trials).knees
        [knee] = section.knees
        assert knee.at_low is not None
        assert len(knee.at_low.trials) == 2
        [(rate, p99_ms)] = knee.p99_by_rate
        assert rate == 100
        assert p99_ms == pytest.approx(110, rel=0.01)

    def test_a_p99_that_lacks_what_was_shed_is_not_drawn(self) -> None:
        trials = [runs.knee_trial(FLASK, 100, True, 1), runs.knee_trial(FLASK, 200, False, 2, shed=500)]
        [knee] = of(trials, repeats=1).knees[0].knees
        assert [rate for rate, _ in knee.p99_by_rate] == [100]
        assert knee.tried.too_much == 200

    def test_every_trial_has_its_row(self, knee_reported: RunFolder) -> None:
        found = rows(knee_reported, "trials.csv")
        assert len(found) == sum(len(steps) for steps in KNEES.values())
        assert [int(row["block"]) for row in found] == sorted(int(row["block"]) for row in found)
        assert sum(row["valid"] == "false" for row in found) == 3

    def test_the_bounds_are_the_same_in_every_format(self, page: Page, markdown: str) -> None:
        for told in ("200–218", "183 or more", "800–872"):
            assert told in page.words
            assert f"| {told} |" in markdown
        assert page.figures[SECTION, FASTAPI, "800"]["p99_ms"] == "110.0"

    def test_each_is_told_how_it_stands(self, page: Page, markdown: str) -> None:
        for told in ("holds most", "0.25 of the most", STOPPED):
            assert told in page.words
            assert f"| {told} |" in markdown

    def test_the_answer_stands_at_the_top(self, knee_reported: RunFolder, page: Page, markdown: str) -> None:
        [line] = answers(load_comparison(knee_reported))
        assert line.startswith("A plain wait (ms = 100, the highest rate with p99 ≤ 200 ms): FastAPI on asyncio holds ")
        assert "800 to 872/s; Flask on threads 200 to 218/s; Django on gevent 183/s or more" in line
        assert line in page.words
        assert f"- {line}\n" in markdown

    def test_what_did_not_count_is_doubted(self, page: Page, markdown: str) -> None:
        for told in (f"{STOPPED}.", "3 of 8 trials do not count (generator-lag 3)."):
            line = f"Django on gevent, A plain wait (ms = 100, the highest rate with p99 ≤ 200 ms): {told}"
            assert line in page.words
            assert f"- {line}\n" in markdown

    def test_its_requests_are_counted_and_its_generator_is_told(self, markdown: str) -> None:
        assert "- requests: 26,000 in all" in markdown
        assert "its loop at most 50.0 ms late" in markdown

    def test_the_page_is_well_formed_and_has_one_chart(self, page: Page) -> None:
        assert page.unclosed == []
        assert [tag for tag, name, _ in page.attributes if (tag, name) == ("svg", "role")] == ["svg"]

    def test_the_chart_names_contenders_and_objective_and_labels_its_axes(
        self, knee_reported: RunFolder, markdown: str
    ) -> None:
        [(name, svg)] = svgs(knee_reported)
        assert f"](charts/{name})" in markdown
        root = ElementTree.fromstring(svg)
        texts = {"".join(element.itertext()).strip() for element in root.iter("{http://www.w3.org/2000/svg}text")}
        assert {*runs.TITLES.values(), "objective, 200 ms"} <= texts
        assert {"100", "200", "500", "1,000"} <= texts

    def test_it_counts_as_valid(self, knee_reported: RunFolder) -> None:
        assert load_comparison(knee_reported).all_valid
        assert load_comparison(knee_reported).state == ""

    def test_rebuilding_gives_the_same_bytes(self, knee_reported: RunFolder, tmp_path: Path) -> None:
        copy = RunFolder(tmp_path / knee_reported.path.name)
        shutil.copytree(knee_reported.path, copy.path)
        before = {file: file.read_bytes() for file in copy.path.rglob("*") if file.is_file()}
        write_report(copy)
        assert {file: file.read_bytes() for file in copy.path.rglob("*") if file.is_file()} == before


def of(trials: list[TrialRecord], repeats: int = 2, **changes: object) -> Comparison:
    run = runs.run_record([trial.spec for trial in trials], **changes)  # type: ignore[arg-type]
    return compare(run.model_copy(update={"plan": {**run.plan, "repeats": repeats}}), trials)


def of_rates(rates: dict[str, list[tuple[float, bool]]]) -> KneeSection:
    made = [
        runs.knee_trial(variant, rate, met, block)
        for variant, steps in rates.items()
        for block, (rate, met) in enumerate(steps, 1)
    ]
    [section] = of(made, repeats=1).knees
    return section


class TestStanding:
    @pytest.mark.parametrize(
        ("other", "word"),
        [
            ([(500.0, True), (540.0, False)], "0.50 of the most"),
            ([(900.0, True), (980.0, False)], "0.90 of the most"),
            ([(950.0, True), (1040.0, False)], "no difference that holds"),
        ],
    )
    def test_a_difference_holds_where_the_intervals_do_not_meet(
        self, other: list[tuple[float, bool]], word: str
    ) -> None:
        section = of_rates({FLASK: other, FASTAPI: [(1000, True), (1090, False)]})
        flask, fastapi = section.knees
        assert knee_word(section, flask) == word
        assert knee_word(section, fastapi) == ("holds most" if "of the most" in word else "no difference that holds")

    def test_one_alone_holds_most(self) -> None:
        section = of_rates({FLASK: [(100, True), (109, False)]})
        assert knee_word(section, section.knees[0]) == "holds most"

    def test_one_of_which_nothing_was_met_is_not_counted_and_the_run_is_not_valid(self) -> None:
        trials = [runs.knee_trial(FLASK, rate, False, n) for n, rate in enumerate((100, 50, 25, 12.5), 1)]
        trials += [runs.knee_trial(FASTAPI, 100, True, 1)]
        comparison = of(trials, repeats=1)
        [section] = comparison.knees
        assert section.knees[0].low is None
        assert section.most is section.knees[1]
        assert not comparison.all_valid
        assert "not sure for Flask on threads" in answers(comparison)[0]

    def test_a_search_that_ended_at_its_highest_rate_says_so(self) -> None:
        section = of_rates({FLASK: [(100 * 2**n, True) for n in range(8)] + [(20_000, True)]})
        [knee] = section.knees
        assert (knee.low, knee.high, knee.finished) == (20_000, None, True)
        assert knee_word(section, knee) == "the highest rate of the search ended the search before the service did"

    def test_where_no_trial_counts_the_reason_is_told(self) -> None:
        spoilt = "users were started from outside"
        trials = [runs.knee_trial(FLASK, 100, True, n, disturbance=spoilt) for n in range(40)]
        [section] = of(trials).knees
        told = knee_word(section, section.knees[0])
        assert told.startswith("no rate met the objective in every repeat; trials that do not count (disturbed) ended")


class TestPartly:
    """A search that was cut short keeps what was measured and claims no more."""

    @pytest.fixture
    def trials(self) -> list[TrialRecord]:
        return [trial for trial in knee_trials() if trial.spec.block <= 4]

    def folder(self, path: Path, trials: list[TrialRecord], **changes: object) -> RunFolder:
        run = runs.run_record([trial.spec for trial in trials], searching=True, **changes)  # type: ignore[arg-type]
        return runs.run_folder(path, run, trials)

    @pytest.mark.parametrize("here", [9, 12])
    def test_every_format_says_that_the_search_is_not_finished(
        self, trials: list[TrialRecord], here: int, tmp_path: Path
    ) -> None:
        run = runs.run_record(
            [t.spec for t in trials], status="interrupted", message="interrupted from outside", searching=True
        )
        run = run.model_copy(update={"plan": {**run.plan, "repeats": 2}})
        folder = runs.run_folder(tmp_path, run, trials[:here])
        comparison = write_report(folder)
        said = "Its search for the knee is not finished."
        assert comparison.state.startswith("This run was interrupted: interrupted from outside. ")
        assert comparison.state.endswith(said)
        assert ("9 of 12 trials are here" in comparison.state) == (here == 9)
        assert comparison.state in Page((tmp_path / "report.html").read_text()).words
        assert f"**{comparison.state}**" in (tmp_path / "report.md").read_text()
        assert not comparison.all_valid
        reasons = {row["reasons"] for row in rows(folder, "summary.csv")}
        assert reasons == {"knee: the search was not finished"}

    def test_a_run_that_was_killed_is_told_from_one_that_goes_on(
        self, trials: list[TrialRecord], tmp_path: Path
    ) -> None:
        folder = self.folder(tmp_path, trials, status="running")
        assert write_report(folder).state == (
            "This run was killed before it could say so. Its search for the knee is not finished."
        )
        folder.write_live(Live(at=4e9, done=3, total=3))
        assert write_report(folder).state == ("This run is still going on. Its search for the knee is not finished.")

    def test_a_run_that_failed_says_so(self, trials: list[TrialRecord], tmp_path: Path) -> None:
        folder = self.folder(tmp_path, trials, status="failed", message="Locust died")
        assert write_report(folder).state.startswith("This run failed: Locust died. Its search")

    def test_a_search_of_which_nothing_counts_has_a_report(self, tmp_path: Path) -> None:
        late = runs.GENERATOR.model_copy(update={"lag_p99_ms": 50.0})
        trials = [runs.knee_trial(FLASK, 100, True, n, generator=late) for n in (1, 2)]
        write_report(self.folder(tmp_path, trials, status="interrupted"))
        assert not list(svgs(RunFolder(tmp_path)))

    def test_a_search_of_which_nothing_was_played_has_a_report(self, tmp_path: Path) -> None:
        specs = [trial.spec for trial in knee_trials()[:1]]
        folder = runs.run_folder(tmp_path, runs.run_record(specs, status="failed", searching=True), [])
        assert not write_report(folder).all_valid
        assert rows(folder, "summary.csv") == []
