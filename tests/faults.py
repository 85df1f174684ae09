"""The table of injected faults, collected from the tests that inject them.

A test that injects a fault into the real product is marked `@pytest.mark.fault(area, fault, promise)`.
`make test-faults` runs these tests and prints how many faults were survived.
docs/reliability.md holds the table: `python -m tests.faults` rewrites it, and a test compares the two.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "reliability.md"
BEGIN, END = "<!-- table: faults -->\n", "<!-- end of table -->\n"
AREAS = {
    "numbers": "Wrong numbers",
    "security": "Security",
    "hangs": "Waits without end",
    "data": "Data and messages",
    "processes": "Processes and containers",
    "input": "Bad input",
}
"""The areas of faults and their titles, in the order of the page."""


@dataclass(frozen=True)
class Row:
    area: str
    fault: str
    promise: str
    file: str


def rows() -> list[Row]:
    """Every `pytest.mark.fault(...)` in tests/, by area. Arguments have to be literal, since nothing is imported."""
    found = [row for file in sorted(TESTS.rglob("test_*.py")) for row in _rows_of(file)]
    return sorted(found, key=lambda row: list(AREAS).index(row.area))


def _rows_of(file: Path) -> Iterator[Row]:
    text = file.read_text()
    if "mark.fault(" not in text:
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fault":
            area, fault, promise = (ast.literal_eval(argument) for argument in node.args)
            yield Row(area, fault, promise, str(file.relative_to(TESTS.parent)))


def table() -> str:
    """The number of faults, and a table for each area."""
    every = rows()
    lines = [f"{len(every)} faults.", ""]
    for area, title in AREAS.items():
        if here := [row for row in every if row.area == area]:
            lines += [f"### {title} ({len(here)})", "", "| fault | what is promised | tested in |", "|---|---|---|"]
            lines += [f"| {_cell(row.fault)} | {_cell(row.promise)} | `{row.file}` |" for row in here] + [""]
    return "\n".join(lines)


def _cell(text: str) -> str:
    """Escape a text for a Markdown table."""
    return text.replace("|", r"\|")


def with_table(page: str) -> str:
    """The page with the current table."""
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + table() + END + rest.partition(END)[2]


def note(item: pytest.Item) -> None:
    """Let the report of a test carry its fault, from a process of pytest-xdist too."""
    if mark := item.get_closest_marker("fault"):
        area, fault, _ = mark.args
        item.user_properties.append(("fault", f"{AREAS[area]}: {fault}"))


def summary(reports: dict[str, list[pytest.TestReport]]) -> list[str]:
    """A line for each fault of a test run, and a count. Empty if no test injects any.

    A fault that several tests inject is survived if all of them pass.
    """
    survived: dict[str, bool] = {}
    for outcome in ("passed", "failed", "error"):
        for report in reports.get(outcome, []):
            for fault in (value for name, value in getattr(report, "user_properties", []) if name == "fault"):
                survived[str(fault)] = survived.get(str(fault), True) and outcome == "passed"
    if not survived:
        return []
    lines = [f"{'survived' if survived[fault] else 'NOT SURVIVED':<13} {fault}" for fault in sorted(survived)]
    return [*lines, f"{sum(survived.values())} of {len(survived)} faults survived"]


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
