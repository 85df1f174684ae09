"""The CSV files: summary.csv has a row for each cell, trials.csv for each trial, claims.csv for each rule, and
factors.csv for each effect."""

import csv
import io
from collections.abc import Iterator

from waitbench.records.text import for_csv
from waitbench.report.contents import Report
from waitbench.report.table import Table
from waitbench.report.tables.claims import claims
from waitbench.report.tables.factors import factors
from waitbench.report.tables.summary import summary
from waitbench.report.tables.trials import trials


def files(report: Report) -> Iterator[tuple[str, str]]:
    comparison = report.comparison
    yield "summary.csv", text(summary(comparison))
    yield "trials.csv", text(trials(comparison))
    if comparison.factors:
        yield "factors.csv", text(factors(comparison))
    if comparison.claims:
        yield "claims.csv", text(claims(comparison))


def text(table: Table) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(column.name for column in table.columns)
    writer.writerows([for_csv(entry.text) for entry in row.entries] for row in table.rows)
    return out.getvalue()
