"""The report of claims, which is the same in every format."""

import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.made_up.reported import TITLE
from tests.report.test_report import Page as ReportPage
from tests.report.test_report import rows, svgs
from waitbench.analysis.loading import load_comparison
from waitbench.records.folder import RunFolder
from waitbench.report.figures import span
from waitbench.report.words.claims import FIGURE_WORDS
from waitbench.report.words.summary import answers
from waitbench.report.write import write_report

VERDICTS = {"holds": "supported", "fails": "refuted", "wavers": "inconclusive", "unknown": "untested"}
SAYS = "It is <b>so</b> & stays so | whatever comes."


class ClaimsPage(ReportPage):
    """The content of claims.html, with figures by claim and rule; the third part of their key is empty."""

    SECTION = "data-claim"

    def _key(self, row: dict[str, str]) -> tuple[str, str, str] | None:
        return (self._section, row["data-rule"], "") if "data-rule" in row else None


@pytest.fixture(scope="module")
def page(claims_reported: RunFolder) -> ClaimsPage:
    return ClaimsPage((claims_reported.path / "claims.html").read_text())


@pytest.fixture(scope="module")
def markdown(claims_reported: RunFolder) -> str:
    return (claims_reported.path / "claims.md").read_text()


@pytest.fixture(scope="module")
def table(claims_reported: RunFolder) -> list[dict[str, str]]:
    return rows(claims_reported, "claims.csv")


class TestEveryFormat:
    def test_each_claim_has_its_verdict(self, table: list[dict[str, str]]) -> None:
        assert {row["claim"]: row["claim_verdict"] for row in table} == VERDICTS
        assert [(row["claim"], row["rule"], row["verdict"]) for row in table] == [
            ("holds", "1", "supported"), ("holds", "2", "supported"), ("fails", "1", "refuted"),
            ("wavers", "1", "inconclusive"), ("unknown", "1", "untested"),
        ]  # fmt: skip

    def test_figures_can_be_added_up(self, table: list[dict[str, str]]) -> None:
        twice = table[0]
        assert (twice["of_figure"], twice["over_figure"], twice["ratio"]) == ("171.0", "90.0", "1.900")
        # The logarithms of the three repeats are off by 0.00995, 0 and -0.01005: s = 0.01, times 4.302653 / sqrt(3).
        assert (float(twice["ratio_low"]), float(twice["ratio_high"])) == pytest.approx((1.853, 1.947), abs=0.002)
        cost = table[2]
        assert (cost["of_figure"], cost["over_figure"], cost["ratio"]) == ("1.000", "0.500", "2.000")
        assert cost["of"] == "FastAPI on asyncio, wait, ms = 200, 20 users, 2 processes, 2 cores"

    def test_the_page_says_what_the_table_says(self, page: ClaimsPage, table: list[dict[str, str]]) -> None:
        assert set(page.figures) == {(row["claim"], row["rule"], "") for row in table}
        for row in table:
            shown = page.figures[row["claim"], row["rule"], ""]
            verdict = f"{row['verdict']}: {row['why']}" if row["why"] else row["verdict"]
            own = {"says": f"{row['rule']}. {row['says']}", "interval": span(row["ratio_low"], row["ratio_high"]),
                   "verdict": verdict}  # fmt: skip
            assert shown == {column: own.get(column, row.get(column)) for column in shown}
            assert {"of", "of_figure", "over", "over_figure", "ratio", "supported", "refuted"} <= set(shown)

    def test_markdown_says_what_the_table_says(self, markdown: str, table: list[dict[str, str]]) -> None:
        lines = [line for line in markdown.splitlines() if re.match(r"\| \d\. ", line)]
        assert len(lines) == len(table)
        for line, row in zip(lines, table, strict=True):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            word = f"**{row['verdict']}**: {row['why']}" if row["why"] else f"**{row['verdict']}**"
            ratio = f"**{row['ratio']}**" if row["ratio"] else "–"
            assert cells[1:] == [
                FIGURE_WORDS[row["figure"]], row["of"], row["of_figure"] or "–", row["over"], row["over_figure"] or "–",
                ratio, span(row["ratio_low"], row["ratio_high"]) or "–", row["supported"], row["refuted"], word,
            ]  # fmt: skip

    def test_all_verdicts_come_first(self, page: ClaimsPage, markdown: str) -> None:
        first = page.text[: page.text.index("<h2>")]
        assert [first.index(f">{verdict}<") for verdict in VERDICTS.values()]
        summary = markdown[: markdown.index("\n## ")]
        assert re.findall(r"\*\*([a-z]+)\*\*", summary) == list(VERDICTS.values())
        for reason in ("2 of 2 rules supported", "1 of 1 rule refuted"):
            assert reason in page.words
            assert f"| {reason} |" in summary

    def test_text_of_the_file_is_text_and_never_markup(self, page: ClaimsPage, markdown: str) -> None:
        for tag in ("<b>", "<i>", "<u>", "<at all>", "<script"):
            assert tag not in page.text
            assert tag not in markdown
        assert page.words.count(SAYS) == 2
        assert any(TITLE in words for words in page.words)
        assert "&lt;b&gt;so&lt;/b&gt; &amp; stays so \\| whatever comes." in markdown

    def test_the_reason_why_a_rule_is_untested_is_shown(self, page: ClaimsPage, markdown: str) -> None:
        why = "FastAPI on asyncio: it was not measured in cell waiting; django-gevent: it was not in this run"
        assert f": {why}" in page.words
        assert f"| **untested**: {why} |" in markdown

    def test_a_variant_that_was_left_out_is_named_once_before_the_claims(self, page: ClaimsPage, markdown: str) -> None:
        assert page.words.count("Go was left out: its <i>container</i> is not there.") == 1
        assert page.text.index("Go was left out") < page.text.index("<h2>")
        assert "\n\nGo was left out: its &lt;i&gt;container&lt;/i&gt; is not there.\n\n| claim |" in markdown

    def test_what_would_change_a_verdict_is_shown(self, page: ClaimsPage, markdown: str) -> None:
        assert "What would change the verdict: A cheaper bill." in page.words
        assert "\nWhat would change the verdict: A cheaper bill.\n" in markdown


class TestPage:
    def test_it_is_well_formed_and_runs_no_script(self, page: ClaimsPage) -> None:
        assert page.unclosed == []
        assert {tag for tag, *_ in page.attributes} & {"script", "iframe", "object", "embed"} == set()

    def test_it_refers_to_nothing_but_itself_and_the_report(self, page: ClaimsPage) -> None:
        links = page.values("href", "src", "xlink:href", "srcset", "data", "action", "poster")
        assert {link for link in links if not link.startswith(("#", "data:"))} == {"report.html"}
        assert "@import" not in page.text
        assert re.findall(r"url\((?!['\"]?#)[^)]*\)", page.text) == []

    def test_ids_are_unique_and_references_lead_somewhere(self, page: ClaimsPage) -> None:
        ids = page.values("id")
        assert len(ids) == len(set(ids))
        used = {value[1:] for value in page.values("href", "xlink:href") if value.startswith("#")}
        used |= {name for value in page.values("clip-path", "style") for name in re.findall(r"url\(#([^)]+)\)", value)}
        assert used <= set(ids)
        assert {f"claim-{name}" for name in VERDICTS} <= used


class TestReport:
    """The report of the run names the verdicts and links to their page."""

    def test_page_and_markdown_name_each_with_a_link(self, claims_reported: RunFolder) -> None:
        page = ReportPage((claims_reported.path / "report.html").read_text())
        assert page.unclosed == []
        links = [link for link in page.values("href") if "claims.html" in link]
        assert links == [f"claims.html#claim-{name}" for name in VERDICTS]
        assert [words for words in page.words if words in VERDICTS.values()] == list(VERDICTS.values())
        markdown = (claims_reported.path / "report.md").read_text()
        assert "- **refuted**: [On two cores it costs less.](claims.md#claim-fails)\n" in markdown

    def test_the_results_begin_with_the_verdicts(self, claims_reported: RunFolder) -> None:
        lines = answers(load_comparison(claims_reported))
        assert lines[:2] == [f"supported: {SAYS}", "refuted: On two cores it costs less."]

    def test_a_run_without_claims_has_none_of_it(self, reported: RunFolder) -> None:
        assert not list(reported.path.glob("claims*"))
        assert "Verdicts" not in (reported.path / "report.html").read_text()
        assert "Verdicts" not in (reported.path / "report.md").read_text()

    def test_rebuilding_from_files_gives_the_same_bytes(self, claims_reported: RunFolder, tmp_path: Path) -> None:
        copy = RunFolder(tmp_path / claims_reported.path.name)
        shutil.copytree(claims_reported.path, copy.path)
        before = {file: file.read_bytes() for file in copy.path.rglob("*") if file.is_file()}
        for name in ("claims.html", "claims.md", "claims.csv"):
            (copy.path / name).unlink()
        write_report(copy)
        assert {file: file.read_bytes() for file in copy.path.rglob("*") if file.is_file()} == before


class TestCharts:
    def test_page_and_markdown_show_one_chart_for_each_claim(
        self, claims_reported: RunFolder, page: ClaimsPage, markdown: str
    ) -> None:
        names = [name for name, _ in svgs(claims_reported) if name.startswith("claim-")]
        assert names == sorted(f"claim-{name}.svg" for name in VERDICTS)
        assert sorted(re.findall(r"\]\(charts/([^)]+)\)", markdown)) == names
        assert [tag for tag, name, _ in page.attributes if (tag, name) == ("svg", "role")] == ["svg"] * 4

    def test_zones_have_different_patterns_and_are_named(self, claims_reported: RunFolder) -> None:
        for name, svg in svgs(claims_reported):
            if name.startswith("claim-"):
                ElementTree.fromstring(svg)
                assert len(re.findall("<pattern ", svg)) == 2
                assert all(f">{word}</text>" in svg for word in ("supports", "refutes"))
                assert "prefers-color-scheme: dark" in svg
                assert not re.findall(r"#0[1-4]0\d\d\d", svg)

    def test_each_rule_is_written_out(self, claims_reported: RunFolder) -> None:
        charts = dict(svgs(claims_reported))
        assert ">1. Twice the users get more.</text>" in charts["claim-holds.svg"]
        assert ">1. It is as quick. (untested)</text>" in charts["claim-unknown.svg"]
        assert "untested" not in charts["claim-fails.svg"]
