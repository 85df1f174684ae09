"""Text from files, on its way to a terminal, a page, a chart or a spreadsheet: it stays text."""

import csv
import io
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from tests.cli.test_cli import Command, waitbench
from tests.made_up import runs
from waitbench.records.folder import RunFolder
from waitbench.records.live import Live
from waitbench.records.text import control_in, for_chart, for_csv, for_html, for_markdown, for_terminal
from waitbench.report.write import write_report
from waitbench.run.lines import tell
from waitbench.run.progress import RunProgress

__all__ = ["waitbench"]

HOSTILE = '\x1b[31m\x1b]0;owned\x07 =1+1 <script>alert(1)</script> "> [/] [x](javascript:y) | $x_{ `z` *b* \u202e \x00'
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")
SPECS = [runs.spec(variant, repeat=n) for variant in ("flask-threads", "mine") for n in (1, 2)]


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run with hostile text in every text of its files that no rule checks."""
    run = runs.run_record(
        SPECS,
        [runs.target(title=HOSTILE), runs.target("mine", title="=2+2", framework="other")],
        title=HOSTILE,
        status="failed",
        message=HOSTILE,
        environment={"cpu": HOSTILE, "packages": {"locust": HOSTILE}, "container": {HOSTILE: HOSTILE}},
        left_out={HOSTILE: HOSTILE},
        plan_name=HOSTILE,
        waitbench=HOSTILE,
    )
    trials = [runs.trial(spec, errors={HOSTILE: 500}, disturbance=HOSTILE) for spec in SPECS[:1]]
    trials += [runs.trial(spec) for spec in SPECS[1:]]
    folder = runs.run_folder(tmp_path_factory.mktemp("hostile") / "run", run, trials)
    write_report(folder)
    return folder


@pytest.mark.fault(
    "input",
    "a run's message, titles and errors contain escape sequences, and `waitbench report` prints them",
    "the terminal gets them as text",
)
def test_a_terminal_gets_no_escape_sequence_of_a_run_s_files(waitbench: Command, reported: RunFolder) -> None:
    done = waitbench("report", str(reported.path))
    assert done.returncode == 0
    assert not CONTROLS.search(done.stdout + done.stderr)
    assert r"\x1b[31m\x1b]0;owned\x07" in done.stdout


@pytest.mark.fault(
    "input",
    "a run's message, titles, errors and environment contain Markdown and HTML, and are shown in report.md",
    "they are escaped: no link, no table cell and no tag comes of them",
)
def test_markdown_has_no_markup_of_a_run_s_files(reported: RunFolder) -> None:
    text = (reported.path / "report.md").read_text()
    assert not CONTROLS.search(text)
    assert "<script" not in text
    page = MarkdownIt("commonmark").enable("table").render(text)
    assert "<script" not in page
    assert "javascript:y" in page
    assert not re.search(r'href="(?!#|claims|charts)', page)
    tables = re.findall(r"<table>.*?</table>", page, re.DOTALL)
    rows = [re.findall(r"<tr>.*?</tr>", table, re.DOTALL) for table in tables]
    assert [{len(re.findall(r"<t[dh]", row)) for row in each} for each in rows] == [{14}, {3}]


@pytest.mark.fault(
    "input",
    "a run's message, titles, errors and environment contain HTML, and are shown in report.html",
    "they are escaped; control characters, which HTML does not allow, are written out",
)
def test_the_page_has_no_markup_of_a_run_s_files(reported: RunFolder) -> None:
    text = (reported.path / "report.html").read_text()
    assert not CONTROLS.search(text)
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


@pytest.mark.fault(
    "input",
    "a title contains XML, a control character or a broken formula, and is shown in a chart",
    "the chart is well-formed and shows the title as it is written",
)
def test_charts_show_a_title_as_text(reported: RunFolder) -> None:
    charts = sorted((reported.path / "charts").glob("*.svg"))
    assert charts
    texts = ""
    for chart in charts:
        tree = ElementTree.fromstring(chart.read_text())
        assert not list(tree.iter("script"))
        texts += "".join(tree.itertext())
    assert not CONTROLS.search(texts)
    assert "=2+2" in texts


@pytest.mark.fault(
    "input",
    "text of a run's files begins like a formula, and is in a CSV file that a spreadsheet opens",
    "an apostrophe comes before it; figures are unchanged",
)
def test_a_spreadsheet_gets_no_formula(tmp_path: Path) -> None:
    specs = [runs.spec("=2+2", repeat=n, file=f"{n}.json") for n in (1, 2)]
    run = runs.run_record(specs, [runs.target("=2+2", kind="contender")])
    folder = runs.run_folder(tmp_path, run, [runs.trial(spec, disturbance="=1") for spec in specs])
    write_report(folder)
    for name in ("summary.csv", "trials.csv"):
        with (folder.path / name).open(newline="") as file:
            for row in csv.DictReader(file):
                assert row["variant"] == "'=2+2"
                assert row["workload"] == "wait"


@pytest.mark.fault(
    "input",
    "the caption of a chart holds a quote that ends the attribute it is in",
    "it is escaped, and makes no attribute",
)
def test_a_caption_is_escaped_in_the_page(tmp_path: Path) -> None:
    specs = [runs.spec(variant, load=20) for variant in ("flask-threads", "mine")]
    targets = [runs.target(), runs.target("mine", title='" onload="alert(1)')]
    trials = [runs.trial(specs[0]), runs.trial(specs[1])]
    usage = runs.changed_readings(runs.usage(trials[1].sent), after={"peak_in_flight": 1.0})
    trials[1] = trials[1].model_copy(update={"usage": usage})
    folder = runs.run_folder(tmp_path, runs.run_record(specs, targets), trials)
    write_report(folder)
    page = (folder.path / "report.html").read_text()
    assert "unknown for &#34; onload=&#34;alert(1)" in page
    assert not re.search(r'<[^>]*" onload="', page)


@pytest.mark.fault(
    "input",
    "the title of a plan contains text that rich reads as markup, as in `[/]`",
    "it is printed as it is written; in early versions, the run ended with a traceback after its services had started",
)
@pytest.mark.parametrize("text", ["[/]", "[bold]x", "a [/red] b", ":smile:", "http://[::1]:9000"])
def test_a_line_of_a_run_shows_markup_as_it_is_written(text: str) -> None:
    out = io.StringIO()
    tell(Console(file=out, width=200), (text, "bold"), f": {text}")
    assert out.getvalue() == f"{text}: {text}\n"


def test_a_line_of_a_run_has_no_escape_sequence() -> None:
    out = io.StringIO()
    tell(Console(file=out, width=200), HOSTILE)
    assert not CONTROLS.search(out.getvalue())


def test_the_lines_of_finished_and_running_trials_show_names_as_text() -> None:
    out = io.StringIO()
    with RunProgress(Console(file=out, width=200, force_terminal=True)) as progress:
        progress.planned(1)
        progress.show(Live(at=0.0, done=0, total=1, trial=HOSTILE, phase="[/]"))
        progress.finished(runs.trial(runs.spec(HOSTILE, file="a.json")), 1)
    assert "\x1b]0;owned" not in out.getvalue()
    assert r"\x1b]0;owned\x07" in out.getvalue()


@given(st.text())
def test_no_text_leaves_a_control_character(text: str) -> None:
    for shown in (for_terminal(text), for_markdown(text), for_html(text), for_chart(text), for_csv(text)):
        assert control_in(shown) == ""


@given(st.text())
@example("__0__")
def test_text_in_markdown_is_read_back_as_that_text(text: str) -> None:
    page = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(f"x {for_markdown(text)} x")
    assert re.sub(r"<[^>]*>", "", page).count("\n") == 1
    assert set(re.findall(r"<[^>]*>", page)) == {"<p>", "</p>"}


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+x", "'+x"),
        ("-x", "'-x"),
        ("@x", "'@x"),
        ("\t=1", "'\t=1"),
        ("-0.5", "-0.5"),
        ("+3", "+3"),
        ("-1e-05", "-1e-05"),
        ("a=1", "a=1"),
        ("", ""),
    ],
)
def test_only_text_that_begins_like_a_formula_and_is_not_a_number_gets_an_apostrophe(text: str, cell: str) -> None:
    assert for_csv(text) == cell
