"""The table of the budget that each running contender reported."""

from collections.abc import Iterable

from waitbench.analysis.comparison import Comparison
from waitbench.records.run import Target
from waitbench.report.charts.theme import CROWDED
from waitbench.report.table import Column, Row, Table, entries

BUDGET_WORDS = {
    "workers": "processes",
    "in_flight": "concurrent requests per process",
    "connections": "concurrent connections per process",
    "backlog": "connections that may wait to be accepted",
    "keep_alive_s": "seconds that an idle connection is kept open",
    "db_pool": "PostgreSQL connections per process",
    "upstream_connections": "connections to the remote API per process",
    "upstream_threads": "threads for remote calls per process",
    "work_threads": "threads for disk and CPU work per process",
}


def budget_table(comparison: Comparison) -> Table:
    """The table of budgets, with a column for each contender, or with a row for each if there are many."""
    targets = [t for t in comparison.variants if not t.external]
    names = [name for name in BUDGET_WORDS if any(name in _found(t) for t in targets)]
    titles, limits = [t.title for t in targets], [BUDGET_WORDS[name] for name in names]
    figures = [[str(_found(t).get(name, _absent(name))) for t in targets] for name in names]
    if any(_found(t).get("workers", 1) > 1 or t.cpus for t in targets):
        # Two processes on the one default core are not worth two cores.
        limits.insert(1, "cores per service (default: the same for every service)")
        figures.insert(1, [str(t.cpus or "default") for t in targets])
    if len(comparison.variants) <= CROWDED:
        return _table("limit", titles, zip(limits, figures, strict=True), compact=True)
    turned = [list(row) for row in zip(*figures, strict=True)] if figures else [[] for _ in targets]
    return _table("contender", limits, zip(titles, turned, strict=True), compact=False)


def _table(corner: str, titles: list[str], rows: Iterable[tuple[str, list[str]]], compact: bool) -> Table:
    columns = (Column("", corner, "name"), *(Column("", title) for title in titles))
    return Table(columns, (tuple(Row(entries(name, *values)) for name, values in rows),), compact=compact)


def _absent(name: str) -> str:
    """The word for a missing figure: the service has no such limit, or no such resource."""
    return "no limit" if name in ("in_flight", "connections") else "none"


def _found(target: Target) -> dict[str, int]:
    return target.budget_read or target.budget
