"""The report of a search for the knee, in every format."""

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
from waitbench.report.words.knees import knee_word
from waitbench.report.words.summary import answers
from waitbench.report.write import write_report

FLASK, DJANGO, FASTAPI = KNEES
SECTION = "wait-ms100-knee200"
STOPPED = "limited by the generator, not by the service"


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

    def test_invalid_trials_are_not_part_of_the_figures(self) -> None:
        """One trial at the lower bound was slow because the generator was late."""
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

    def test_a_p99_without_the_requests_that_were_shed_is_not_drawn(self) -> None:
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
        for bounds in ("200–218", "183 or more", "800–872"):
            assert bounds in page.words
            assert f"| **{bounds}** |" in markdown
        assert page.figures[SECTION, FASTAPI, "800"]["p99_ms"] == "110.0"

    def test_each_is_compared_with_the_best(self, page: Page, markdown: str) -> None:
        for word in ("highest", "0.25x best", STOPPED):
            assert word in page.words
            assert f"| {word} |" in markdown

    def test_the_result_is_at_the_top(self, knee_reported: RunFolder, page: Page, markdown: str) -> None:
        [line] = answers(load_comparison(knee_reported))
        assert line.startswith("A plain wait (ms = 100, the highest rate with p99 ≤ 200 ms): FastAPI on asyncio ")
        assert (
            "sustains the highest rate, 800 to 872/s; Flask on threads 200 to 218/s; Django on gevent 183/s or more"
            in line
        )
        assert line in page.words
        assert f"- {line}\n" in markdown

    def test_unknown_bounds_and_invalid_trials_are_caveats(self, page: Page, markdown: str) -> None:
        for caveat in (f"{STOPPED}.", "3 of 8 trials are invalid (generator-lag 3)."):
            line = f"Django on gevent, A plain wait (ms = 100, the highest rate with p99 ≤ 200 ms): {caveat}"
            assert line in page.words
            assert f"- {line}\n" in markdown

    def test_its_requests_and_the_lag_of_its_generator_are_reported(self, markdown: str) -> None:
        assert "- requests: 26,000 in total" in markdown
        assert "p99 lag at most 50.0 ms" in markdown

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
    return compare(runs.with_plan(run, repeats=repeats), trials)


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
            ([(500.0, True), (540.0, False)], "0.50x best"),
            ([(900.0, True), (980.0, False)], "0.90x best"),
            ([(950.0, True), (1040.0, False)], "intervals overlap"),
        ],
    )
    def test_contenders_differ_if_their_intervals_do_not_overlap(
        self, other: list[tuple[float, bool]], word: str
    ) -> None:
        section = of_rates({FLASK: other, FASTAPI: [(1000, True), (1090, False)]})
        flask, fastapi = section.knees
        assert knee_word(section, flask) == word
        assert knee_word(section, fastapi) == ("highest" if "best" in word else "highest, intervals overlap")

    def test_the_only_contender_is_the_highest(self) -> None:
        section = of_rates({FLASK: [(100, True), (109, False)]})
        assert knee_word(section, section.knees[0]) == "highest"

    def test_a_contender_that_never_met_the_objective_has_no_knee_and_makes_the_run_invalid(self) -> None:
        trials = [runs.knee_trial(FLASK, rate, False, n) for n, rate in enumerate((100, 50, 25, 12.5), 1)]
        trials += [runs.knee_trial(FASTAPI, 100, True, 1)]
        comparison = of(trials, repeats=1)
        [section] = comparison.knees
        assert section.knees[0].low is None
        assert section.most is section.knees[1]
        assert not comparison.all_valid
        assert "unknown for Flask on threads" in answers(comparison)[0]

    def test_a_search_that_ended_at_its_highest_rate_says_so(self) -> None:
        section = of_rates({FLASK: [(100 * 2**n, True) for n in range(8)] + [(20_000, True)]})
        [knee] = section.knees
        assert (knee.low, knee.high, knee.finished) == (20_000, None, True)
        assert knee_word(section, knee) == "limited by the highest rate of the search, not by the service"

    def test_without_valid_trials_the_reason_is_reported(self) -> None:
        disturbance = "users were started from outside"
        trials = [runs.knee_trial(FLASK, 100, True, n, disturbance=disturbance) for n in range(40)]
        [section] = of(trials).knees
        assert knee_word(section, section.knees[0]) == (
            "no rate met the objective in every repeat; limited by invalid trials (disturbed), not by the service"
        )


class TestPartly:
    """A search that did not finish keeps its measurements, and its report claims no more than they show."""

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
        run = runs.with_plan(run, repeats=2)
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

    def test_a_killed_run_and_a_running_one_are_distinguished(self, trials: list[TrialRecord], tmp_path: Path) -> None:
        folder = self.folder(tmp_path, trials, status="running")
        assert write_report(folder).state == (
            "This run was killed before it recorded its end. Its search for the knee is not finished."
        )
        folder.write_live(Live(at=4e9, done=3, total=3))
        assert write_report(folder).state == ("This run is still running. Its search for the knee is not finished.")

    def test_a_run_that_failed_says_so(self, trials: list[TrialRecord], tmp_path: Path) -> None:
        folder = self.folder(tmp_path, trials, status="failed", message="Locust died")
        assert write_report(folder).state.startswith("This run failed: Locust died. Its search")

    def test_a_search_without_valid_trials_has_a_report(self, tmp_path: Path) -> None:
        late = runs.GENERATOR.model_copy(update={"lag_p99_ms": 50.0})
        trials = [runs.knee_trial(FLASK, 100, True, n, generator=late) for n in (1, 2)]
        write_report(self.folder(tmp_path, trials, status="interrupted"))
        assert not list(svgs(RunFolder(tmp_path)))

    def test_a_search_without_trials_has_a_report(self, tmp_path: Path) -> None:
        specs = [trial.spec for trial in knee_trials()[:1]]
        folder = runs.run_folder(tmp_path, runs.run_record(specs, status="failed", searching=True), [])
        assert not write_report(folder).all_valid
        assert rows(folder, "summary.csv") == []
