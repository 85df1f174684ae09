"""Reports: every format drawn from one comparison, rebuilt from a run's files alone."""

import time
from collections.abc import Iterator

from waitbench.comparison import Comparison, compare
from waitbench.errors import Unwritable
from waitbench.report import charts, claim_charts, claims_markdown, html, markdown, tables
from waitbench.results import RunFolder, RunRecord, write_whole

LIVE_FOR_S = 10.0
"""A generator that has not said anything for so long is gone."""


def load_comparison(folder: RunFolder) -> Comparison:
    run = folder.read_run()
    live = folder.read_live()
    stale = run.status == "running" and (live is None or time.time() - live.at > LIVE_FOR_S)
    return read_comparison(folder, run, stale)


def read_comparison(folder: RunFolder, run: RunRecord, stale: bool = False) -> Comparison:
    """Of the trial files of `run`, with damaged ones apart."""
    trials, damaged = folder.sort_trials(run.trials)
    return compare(run, trials, stale, damaged)


def write_report(folder: RunFolder) -> Comparison:
    """Write every format into the run's folder. Raises Unwritable where the folder can't be written to."""
    comparison = load_comparison(folder)
    save_report(folder, comparison)
    return comparison


def save_report(folder: RunFolder, comparison: Comparison) -> None:
    """Every format, each file whole or not at all; a file that can't be written keeps no other from it. Raises
    Unwritable, with their names."""
    missing, reason = [], ""
    for name, text in _files(comparison):
        try:
            write_whole(folder.path / name, text)
        except OSError as error:
            missing.append(name)
            reason = error.strerror or type(error).__name__
    if missing:
        more = f" and {len(missing) - 3} more files" if len(missing) > 3 else ""
        raise Unwritable(
            f"the report can't be written to {folder.path}: {reason} ({', '.join(missing[:3])}{more}). Free some space "
            f"there or mend its permissions, then run `waitbench report {folder.path}`"
        )


def _files(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """The name and the text of each file. The pages come first: they have everything, and the disk may be full."""
    drawn, judged = charts.draw(comparison), claim_charts.draw(comparison)
    yield "report.html", html.render(comparison, drawn)
    yield "report.md", markdown.render(comparison, drawn)
    yield "summary.csv", tables.summary_csv(comparison)
    yield "trials.csv", tables.trials_csv(comparison)
    if comparison.factors:
        yield "factors.csv", tables.factors_csv(comparison)
    if comparison.claims:
        yield "claims.csv", tables.claims_csv(comparison)
        yield "claims.md", claims_markdown.render(comparison, judged)
        yield "claims.html", html.render_claims(comparison, judged)
    for chart in drawn + judged:
        yield f"charts/{chart.name}.svg", chart.svg
