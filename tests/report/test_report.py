"""Every format of a report has the same figures and needs only its own files."""

import csv
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree

import pytest

from tests.made_up import runs
from tests.made_up.reported import DISTURBANCE, TITLE, uncharted
from waitbench.analysis.loading import load_comparison
from waitbench.errors import WaitbenchError
from waitbench.records.folder import RunFolder
from waitbench.records.live import Live
from waitbench.records.text import for_markdown
from waitbench.records.trial import TrialRecord
from waitbench.report.words.summary import CERTAINTY, answers, certainty
from waitbench.report.write import write_report

# The columns that programs may rely on.
DESIGNED = (
    "variant", "workload", "params", "load_model", "load", "trials", "requests", "errors", "goodput_rps",
    "goodput_low", "goodput_high", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms", "max_ms", "mean_ms",
    "cpu_s_per_1k", "peak_rss_mib", "ceiling_rps", "valid", "reasons",
)  # fmt: skip
VOID = {"meta", "link", "br", "img", "input", "hr"}


@dataclass
class Page(HTMLParser):
    """The content of report.html that tests check."""

    SECTION: ClassVar = "data-section"
    """The attribute of a table that names its section."""
    text: str
    figures: dict[tuple[str, str, str], dict[str, str]] = field(default_factory=dict)
    """The text of each td[data-column], by section, variant and load."""
    struck: set[tuple[str, str, str]] = field(default_factory=set)
    attributes: list[tuple[str, str, str]] = field(default_factory=list)
    """The name, attribute and value of every element."""
    words: list[str] = field(default_factory=list)
    unclosed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._section, self._row, self._column = "", ("", "", ""), ""
        self.feed(self.text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.attributes += [(tag, name, value) for name, value in found.items()]
        if tag not in VOID:
            self.unclosed.append(tag)
        if tag == "table":
            self._section = found.get(self.SECTION, "")
        if tag == "tr" and (key := self._key(found)):
            self._row = key
            self.figures[self._row] = {}
        if tag == "td":
            self._column = found.get("data-column", "")
            if self._column:
                self.figures[self._row][self._column] = ""

    def _key(self, row: dict[str, str]) -> tuple[str, str, str] | None:
        """The key of a row with figures, by its attributes; None for any other row."""
        if "data-variant" not in row:
            return None
        key = (self._section, row["data-variant"], row["data-load"])
        if row.get("class") == "invalid":
            self.struck.add(key)
        return key

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.unclosed.pop() == tag
        if tag == "td":
            self._column = ""

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._column:
            self.figures[self._row][self._column] += data

    def values(self, *names: str) -> list[str]:
        return [value for _, name, value in self.attributes if name in names]


@pytest.fixture(scope="module")
def page(reported: RunFolder) -> Page:
    return Page((reported.path / "report.html").read_text())


def rows(folder: RunFolder, name: str) -> list[dict[str, str]]:
    with (folder.path / name).open(newline="") as file:
        return list(csv.DictReader(file))


def section_of(row: dict[str, str]) -> str:
    return "-".join([row["workload"], *(part.replace("=", "") for part in row["params"].split(";") if part)])


def svgs(folder: RunFolder) -> Iterator[tuple[str, str]]:
    for file in sorted((folder.path / "charts").glob("*.svg")):
        yield file.name, file.read_text()


def one_in_flight(trial: TrialRecord) -> TrialRecord:
    """The trial with only one request in flight at a time, so that memory per request is unknown."""
    return trial.model_copy(update={"usage": runs.changed_readings(trial.usage, after={"peak_in_flight": 1.0})})


def reported_again(tmp_path: Path, trials: list[TrialRecord]) -> RunFolder:
    folder = runs.run_folder(tmp_path, runs.run_record([trial.spec for trial in trials]), trials)
    write_report(folder)
    return folder


class TestFiles:
    def test_every_format_is_there(self, reported: RunFolder) -> None:
        names = {str(file.relative_to(reported.path)) for file in reported.path.rglob("*") if file.is_file()}
        assert {"report.html", "report.md", "summary.csv", "trials.csv", "run.json"} <= names
        charts = {f"charts/{key}-{kind}.svg" for key in ("wait-ms100", "db-ms100")
                  for kind in ("throughput", "percentiles", "time", "cost")}  # fmt: skip
        assert charts == {name for name in names if name.startswith("charts/")}

    def test_the_summary_begins_with_the_columns_that_programs_rely_on(self, reported: RunFolder) -> None:
        header = (reported.path / "summary.csv").read_text().splitlines()[0].split(",")
        assert tuple(header[: len(DESIGNED)]) == DESIGNED
        assert len(set(header)) == len(header)

    def test_bounds_of_percentiles_come_after_the_older_columns(self, reported: RunFolder) -> None:
        header = (reported.path / "summary.csv").read_text().splitlines()[0].split(",")
        bounds = ["ceiling_limit", "trials_planned", "p50_low", "p50_high", "p99_low", "p99_high"]
        knees, after = ["objective_p99_ms", "knee_low", "knee_high"], len(DESIGNED) + len(bounds)
        assert header[len(DESIGNED) : after + len(knees)] == bounds + knees
        for row in rows(reported, "summary.csv"):
            assert float(row["p50_low"]) <= float(row["p50_ms"]) <= float(row["p50_high"])
            # With 10 users each trial has 970 to 993 requests, and a p99 needs 1,000 in each.
            assert (row["p99_low"] == "") == (row["load"] == "10")

    def test_the_interval_of_p99_is_the_same_in_page_and_markdown(self, reported: RunFolder, page: "Page") -> None:
        markdown = (reported.path / "report.md").read_text()
        for row in rows(reported, "summary.csv"):
            if row["p99_low"]:
                interval = f"{row['p99_low']}–{row['p99_high']}"
                assert interval in page.words
                assert re.search(rf"\| (~~)?{interval}(~~)? \|", markdown)

    def test_the_summary_has_a_row_for_each_cell_and_trials_one_for_each_trial(
        self, reported: RunFolder, made_trials: list[TrialRecord]
    ) -> None:
        assert len(rows(reported, "summary.csv")) == 9
        found = rows(reported, "trials.csv")
        assert len(found) == len(made_trials) == 27
        assert [int(row["block"]) for row in found] == sorted(t.spec.block for t in made_trials)

    def test_trials_add_up_to_their_cells(self, reported: RunFolder) -> None:
        sums: Counter[tuple[str, ...]] = Counter()
        for row in rows(reported, "trials.csv"):
            sums[row["variant"], row["workload"], row["load"]] += int(row["requests"])
        assert sums == {
            (row["variant"], row["workload"], row["load"]): int(row["requests"])
            for row in rows(reported, "summary.csv")
        }

    def test_rebuilding_gives_the_same_bytes(self, reported: RunFolder, tmp_path: Path) -> None:
        copy = RunFolder(tmp_path / reported.path.name)
        shutil.copytree(reported.path, copy.path)
        before = {file: file.read_bytes() for file in copy.path.rglob("*") if file.is_file()}
        write_report(copy)
        assert {file: file.read_bytes() for file in copy.path.rglob("*") if file.is_file()} == before

    @uncharted
    def test_a_folder_that_cannot_be_written_to_is_an_error(self, reported: RunFolder, tmp_path: Path) -> None:
        copy = RunFolder(tmp_path / "run")
        shutil.copytree(reported.path, copy.path)
        (copy.path / "report.md").unlink()
        (copy.path / "report.md").mkdir()
        with pytest.raises(WaitbenchError, match="cannot write the report to"):
            write_report(copy)


class TestPage:
    def test_it_is_well_formed(self, page: Page) -> None:
        assert page.unclosed == []

    def test_every_figure_is_the_text_of_the_summary(self, reported: RunFolder, page: Page) -> None:
        found = rows(reported, "summary.csv")
        assert set(page.figures) == {(section_of(row), row["variant"], row["load"]) for row in found}
        for row in found:
            shown = page.figures[section_of(row), row["variant"], row["load"]]
            assert {"goodput_rps", "p50_ms", "p99_ms", "cpu_s_per_1k", "kib_per_request", "ceiling_rps"} <= set(shown)
            assert shown == {column: row[column] for column in shown}

    def test_it_refers_to_nothing_outside(self, page: Page) -> None:
        links = page.values("href", "src", "xlink:href", "srcset", "data", "action", "poster")
        assert [link for link in links if not link.startswith(("#", "data:"))] == []
        styles = " ".join(page.words + page.values("style", "fill", "stroke", "clip-path", "mask", "filter"))
        assert "@import" not in styles
        assert re.findall(r"url\((?!['\"]?#)[^)]*\)", styles) == []

    def test_it_runs_no_script(self, page: Page) -> None:
        assert {tag for tag, *_ in page.attributes} & {"script", "iframe", "object", "embed"} == set()
        assert [name for _, name, _ in page.attributes if name.startswith("on")] == []

    def test_ids_are_unique_and_references_lead_somewhere(self, page: Page) -> None:
        ids = page.values("id")
        assert [name for name, count in Counter(ids).items() if count > 1] == []
        used = {value[1:] for value in page.values("href", "xlink:href") if value.startswith("#")}
        used |= {name for value in page.values("clip-path", "style") for name in re.findall(r"url\(#([^)]+)\)", value)}
        assert used
        assert used <= set(ids)

    def test_a_title_is_text_and_never_markup(self, reported: RunFolder, page: Page) -> None:
        assert "<script" not in page.text
        assert "".join(page.words).count(TITLE) == 2  # the tab's title and the heading
        assert "<script" not in (reported.path / "report.md").read_text()

    def test_an_invalid_cell_is_struck_out_with_its_reason_in_every_format(
        self, reported: RunFolder, page: Page
    ) -> None:
        assert page.struck == {("wait-ms100", "django-gevent", "100")}
        assert "not counted: disturbed" in page.words
        assert any(f"disturbed: {DISTURBANCE}" in words for words in page.words)
        markdown = (reported.path / "report.md").read_text()
        assert re.search(r"\| Django on gevent \| ~~100~~ \| ~~900.2~~ \|.*\| not counted: disturbed \|", markdown)
        assert "Django on gevent, wait, 100 users: disturbed: " in markdown
        [row] = [r for r in rows(reported, "summary.csv") if (r["variant"], r["load"]) == ("django-gevent", "100")]
        assert (row["valid"], row["reasons"]) == ("false", f"disturbed: {DISTURBANCE}")
        [bad] = [r for r in rows(reported, "trials.csv") if r["valid"] == "false"]
        assert (bad["variant"], bad["repeat"], bad["reasons"]) == ("django-gevent", "2", f"disturbed: {DISTURBANCE}")

    def test_the_results_are_at_the_top_of_page_and_markdown(self, reported: RunFolder, page: Page) -> None:
        lines = answers(load_comparison(reported))
        assert len(lines) == 2
        markdown = (reported.path / "report.md").read_text()
        for line in lines:
            assert line in page.words
            assert f"- {line}\n" in markdown

    def test_a_missing_percentile_is_reported_with_the_number_of_requests_needed(
        self, page: Page, reported: RunFolder
    ) -> None:
        # Flask with 10 users: 971 + 972 + 973 requests, and p99.9 needs 10,000.
        short = (
            "p99.9 is empty in 6 of 9 rows: it needs 10,000 requests, and up to 7,084 are missing. More repeats or a "
            "longer measure_s in the plan give them."
        )
        assert short in page.words
        assert f"- {for_markdown(short)}\n" in (reported.path / "report.md").read_text()
        assert all(row["p999_ms"] == "" for row in rows(reported, "summary.csv") if row["load"] != "100")

    def test_the_number_of_comparisons_is_below_the_results_with_the_expected_false_positives(
        self, page: Page, reported: RunFolder
    ) -> None:
        # In db, two contenders are compared with the best. In wait with 100 users it is one, because Django is invalid;
        # with 10 users all are at the theoretical maximum. The cost of each adds one: 5 x 5 %.
        # Pairs: 3 + 1 + 3 + 1, 8 x 5 %.
        expected = (
            "Not corrected for multiple comparisons: if all contenders were equal, expect about 0.25 to 0.4 false "
            "positives among 5 comparisons."
        )
        lines = certainty(load_comparison(reported))
        assert expected in lines
        assert " ".join(lines) in page.words
        markdown = (reported.path / "report.md").read_text()
        last = answers(load_comparison(reported))[-1]
        assert "\n".join([f"- {last}", "", f"## {CERTAINTY}", "", *lines, ""]) in markdown


class TestCharts:
    def test_each_is_a_document_of_its_own(self, reported: RunFolder) -> None:
        for _, svg in svgs(reported):
            root = ElementTree.fromstring(svg)
            assert root.tag == "{http://www.w3.org/2000/svg}svg"
            assert root.get("viewBox")
            ids = [element.get("id") for element in root.iter() if element.get("id")]
            assert len(ids) == len(set(ids))

    def test_each_follows_light_and_dark_and_names_its_contenders(self, reported: RunFolder) -> None:
        for name, svg in svgs(reported):
            assert "prefers-color-scheme: dark" in svg
            assert not re.findall(r"#0[1-4]0\d\d\d", svg)
            assert "Flask on threads" in svg
            assert "FastAPI on asyncio" in svg
            # An invalid cell is not drawn: here Django's cell at the highest load.
            assert ("Django on gevent" in svg) == (
                name not in [f"wait-ms100-{kind}.svg" for kind in ("percentiles", "time", "cost")]
            )

    def test_the_cost_chart_is_left_out_if_memory_per_request_is_unknown_for_all(
        self, made_trials: list[TrialRecord], tmp_path: Path
    ) -> None:
        folder = reported_again(tmp_path, [one_in_flight(trial) for trial in made_trials])
        assert {name.split("-")[-1] for name, _ in svgs(folder)} == {"throughput.svg", "percentiles.svg", "time.svg"}
        assert {row["kib_per_request"] for row in rows(folder, "summary.csv")} == {""}

    def test_a_section_without_valid_cells_has_no_charts(self, made_trials: list[TrialRecord], tmp_path: Path) -> None:
        disturbed = {"disturbance": "stopped"}
        trials = [t.model_copy(update=disturbed) if t.spec.workload == "db" else t for t in made_trials]
        folder = reported_again(tmp_path, trials)
        assert [name for name, _ in svgs(folder)] == [
            f"wait-ms100-{kind}.svg" for kind in ("cost", "percentiles", "throughput", "time")
        ]
        assert Page((folder.path / "report.html").read_text()).words.count("not counted: disturbed") == 1 + 3

    def test_the_caption_names_the_contenders_without_memory_per_request(
        self, made_trials: list[TrialRecord], reported: RunFolder, tmp_path: Path
    ) -> None:
        trials = [one_in_flight(trial) if trial.spec.variant == "flask-threads" else trial for trial in made_trials]
        folder = reported_again(tmp_path, trials)
        unknown = "memory per request is unknown for Flask on threads]"
        assert (folder.path / "report.md").read_text().count(unknown) == 2
        assert unknown not in (reported.path / "report.md").read_text()

    def test_the_page_and_markdown_show_each_of_them(self, page: Page, reported: RunFolder) -> None:
        assert [tag for tag, name, _ in page.attributes if (tag, name) == ("svg", "role")] == ["svg"] * 8
        markdown = (reported.path / "report.md").read_text()
        assert sorted(re.findall(r"\]\(charts/([^)]+)\)", markdown)) == [name for name, _ in svgs(reported)]


class TestPartly:
    """A report of an incomplete run has what was measured, and names what is missing."""

    def test_every_format_says_what_is_missing(self, partly_reported: RunFolder) -> None:
        said = "This run was interrupted: interrupted from outside. 4 of 27 trials are here; missing: "
        page = Page((partly_reported.path / "report.html").read_text())
        markdown = (partly_reported.path / "report.md").read_text()
        assert any(words.startswith(said) for words in page.words)
        assert f"**{said}" in markdown
        short = "Django on gevent, wait, 10 users: 1 of 3 trials."
        assert short in page.words
        assert short in markdown
        found = {(r["variant"], r["load"]): r for r in rows(partly_reported, "summary.csv")}
        assert len(found) == 3
        django = found["django-gevent", "10"]
        assert (django["trials"], django["trials_planned"], django["goodput_low"]) == ("1", "3", "")

    @uncharted
    def test_a_killed_run_and_a_running_one_are_distinguished(
        self, made_trials: list[TrialRecord], tmp_path: Path
    ) -> None:
        run = runs.run_record([trial.spec for trial in made_trials], status="running")
        folder = runs.run_folder(tmp_path, run, made_trials[:3])
        assert "killed before it recorded its end. 3 of 27" in write_report(folder).state
        folder.write_live(Live(at=4e9, done=3, total=27))
        assert "still running. 3 of 27" in write_report(folder).state

    @uncharted
    def test_a_run_without_a_trial_still_has_a_report(self, made_trials: list[TrialRecord], tmp_path: Path) -> None:
        run = runs.run_record([t.spec for t in made_trials], status="failed", message="Locust did not start")
        folder = runs.run_folder(tmp_path, run, [])
        write_report(folder)
        assert "Locust did not start" in (tmp_path / "report.html").read_text()
        assert rows(folder, "summary.csv") == rows(folder, "trials.csv") == []


class TestOddRuns:
    """Every run has a report, even with unusual trials."""

    def test_nothing_but_errors(self, tmp_path: Path) -> None:
        specs = [runs.spec(variant, load=load) for variant in runs.TITLES for load in (10, 100)]
        failed = [runs.trial(s, taken_us=[], errors={"refused": 50}, timeline=[]) for s in specs]
        folder = runs.run_folder(tmp_path, runs.run_record(specs), failed)
        assert not write_report(folder).all_valid
        assert {row["goodput_rps"] for row in rows(folder, "summary.csv")} == {"0.0"}
        assert {row["p50_ms"] for row in rows(folder, "summary.csv")} == {""}
        for _, svg in svgs(folder):
            ElementTree.fromstring(svg)

    def test_only_one_request(self, tmp_path: Path) -> None:
        spec = runs.spec(load=1)
        folder = runs.run_folder(tmp_path, runs.run_record([spec]), [runs.trial(spec, taken_us=[100_000])])
        write_report(folder)
        [row] = rows(folder, "summary.csv")
        assert (row["requests"], row["p50_ms"], row["max_ms"]) == ("1", "", "100.0")

    def test_an_external_service(self, tmp_path: Path) -> None:
        spec = runs.spec("mine", instrumented=False, body=None)
        run = runs.run_record([spec], targets=[runs.external()])
        folder = runs.run_folder(tmp_path, run, [runs.trial(spec, usage=runs.NO_USAGE)])
        assert write_report(folder).all_valid
        [row] = rows(folder, "summary.csv")
        assert (row["cpu_s_per_1k"], row["peak_rss_mib"], row["valid"]) == ("", "", "true")
        assert Page((tmp_path / "report.html").read_text()).figures["wait-ms100", "mine", "10"]["cpu_s_per_1k"] == ""

    def test_more_contenders_than_colours(self, tmp_path: Path) -> None:
        specs = [runs.spec(f"variant-{n}") for n in range(11)]
        folder = runs.run_folder(tmp_path, runs.run_record(specs), [runs.trial(s) for s in specs])
        write_report(folder)
        assert len(Page((tmp_path / "report.html").read_text()).figures) == 11
