"""The one model of a table, from which every format is written."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["figure", "name", "word"]
"""Figures are aligned on the right, and struck out in an invalid row. Names and words are not.

- `figure`: a number, an interval, or whatever else is not counted in an invalid row
- `name`: the name of something
- `word`: a verdict in words, which may take several lines
"""


@dataclass(frozen=True)
class Column:
    name: str
    """The name of the figure in files that programs read; "" if it is for readers only."""
    title: str
    kind: Kind = "figure"


@dataclass(frozen=True)
class Entry:
    """The content of one column in one row."""

    text: str
    bold: bool = False
    link: str = ""
    """The address of the page or the part of a page that the text leads to; "" for none."""
    verdict: str = ""
    """The judgement that comes before the text; "" for none."""


@dataclass(frozen=True)
class Row:
    entries: tuple[Entry, ...]
    """One for each column."""
    about: Mapping[str, str] = field(default_factory=dict)
    """The identity of the row, such as its variant and load, for formats that can attach it."""
    valid: bool = True


@dataclass(frozen=True)
class Table:
    columns: tuple[Column, ...]
    groups: tuple[tuple[Row, ...], ...]
    """Rows that belong together, such as those of one load."""
    about: Mapping[str, str] = field(default_factory=dict)
    """The identity of the table, such as its section."""
    compact: bool = False
    """Whether it is narrow enough for a small screen. The rows of any other table become cards there."""

    def __post_init__(self) -> None:
        assert all(len(row.entries) == len(self.columns) for row in self.rows)

    @property
    def rows(self) -> list[Row]:
        return [row for group in self.groups for row in group]

    def only(self, *titles: str) -> "Table":
        """The table with only the columns of these titles."""
        places = [place for place, column in enumerate(self.columns) if column.title in titles]
        groups = tuple(
            tuple(Row(tuple(row.entries[place] for place in places), row.about, row.valid) for row in group)
            for group in self.groups
        )
        return Table(tuple(self.columns[place] for place in places), groups, self.about, self.compact)


def entries(*given: str | Entry) -> tuple[Entry, ...]:
    return tuple(each if isinstance(each, Entry) else Entry(each) for each in given)


def of_records(names: Sequence[str], records: Iterable[Mapping[str, str]]) -> Table:
    """A table for programs: each record is a row, and what it lacks is empty."""
    given = list(records)
    assert all(set(record) <= set(names) for record in given)
    rows = tuple(Row(entries(*(record.get(name, "") for name in names))) for record in given)
    return Table(tuple(Column(name, name) for name in names), (rows,))
