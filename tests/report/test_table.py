"""Every table of a report is the same in every format."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from waitbench.records.folder import RunFolder
from waitbench.report.formats.markdown import table_lines
from waitbench.report.table import Column, Entry, Row, Table, entries, of_records

Shown = list[list[str]]
"""The texts of a table, row by row; the first row has the titles."""


class Tables(HTMLParser):
    """The tables of a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Shown] = []
        self._within = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.found.append([])
        if tag == "tr":
            self.found[-1].append([])
        if tag in ("th", "td"):
            self.found[-1][-1].append("")
            self._within = True

    def handle_endtag(self, tag: str) -> None:
        self._within = self._within and tag not in ("th", "td")

    def handle_data(self, data: str) -> None:
        if self._within:
            self.found[-1][-1][-1] += data


def markdown_tables(text: str) -> Iterator[Shown]:
    """The tables of a Markdown file, without the marks of bold, struck out, links, escapes and unknown figures."""
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        titles, _, *rows = block.splitlines()
        yield [[_plain(cell) for cell in re.split(r"(?<!\\) ?\|", line)[1:-1]] for line in (titles, *rows)]


def _plain(cell: str) -> str:
    text = re.sub(r"^\[(.*)\]\(#.*\)$", r"\1", cell.strip())
    text = re.sub(r"\*\*|~~", "", text).replace("\\", "")
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return "" if text == "–" else text


@pytest.mark.parametrize(
    ("run", "count"),
    [("reported", 3), ("matrix_reported", 3), ("scenario_reported", 3), ("knee_reported", 2), ("claims_reported", 5)],
)
def test_page_and_markdown_have_the_same_columns_and_texts(
    run: str, count: int, request: pytest.FixtureRequest
) -> None:
    folder: RunFolder = request.getfixturevalue(run)
    name = "claims" if run == "claims_reported" else "report"
    page = Tables((folder.path / f"{name}.html").read_text()).found
    page = [[["" if cell == "–" else cell for cell in row] for row in table] for table in page]
    assert page == list(markdown_tables((folder.path / f"{name}.md").read_text()))
    assert len(page) == count
    assert all(len(table) > 1 for table in page)


class TestMarkdown:
    columns = (Column("", "who", "name"), Column("rps", "rate"), Column("", "result", "word"))

    def lines(self, *rows: Row) -> list[str]:
        return table_lines(Table(self.columns, (rows,)))

    def test_figures_are_aligned_and_unknown_ones_are_dashes(self) -> None:
        lines = self.lines(Row(entries("a|b", "", "")))
        assert lines == ["| who | rate | result |", "| --- | ---: | --- |", r"| a\|b | – |  |"]

    def test_an_invalid_row_has_its_figures_struck_out_but_not_its_words(self) -> None:
        row = Row(entries("a", Entry("1.0", bold=True), Entry("why", verdict="refuted")), valid=False)
        assert self.lines(row)[2] == "| a | ~~**1.0**~~ | **refuted**: why |"


def test_a_row_has_an_entry_for_each_column() -> None:
    with pytest.raises(AssertionError):
        Table((Column("", "one"),), ((Row(entries("1", "2")),),))


def test_a_record_with_an_unknown_column_is_not_lost_silently() -> None:
    assert [row.entries for row in of_records(["a", "b"], [{"b": "2"}]).rows] == [entries("", "2")]
    with pytest.raises(AssertionError):
        of_records(["a"], [{"b": "2"}])


def test_a_table_with_only_some_columns_keeps_its_rows() -> None:
    table = Table((Column("", "one"), Column("", "two")), ((Row(entries("1", "2"), {"variant": "x"}, valid=False),),))
    assert table.only("two") == Table((Column("", "two"),), ((Row(entries("2"), {"variant": "x"}, valid=False),),))
