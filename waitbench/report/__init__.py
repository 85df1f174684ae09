"""Reports: every format drawn from one comparison, rebuilt from a run's files alone."""

import time

from waitbench.comparison import Comparison, compare
from waitbench.errors import WaitbenchError
from waitbench.report import charts, claim_charts, claims_markdown, html, markdown, tables
from waitbench.results import RunFolder

LIVE_FOR_S = 10.0
"""A generator that has not said anything for so long is gone."""


def load_comparison(folder: RunFolder) -> Comparison:
    run = folder.read_run()
    live = folder.read_live()
    stale = run.status == "running" and (live is None or time.time() - live.at > LIVE_FOR_S)
    trials, damaged = folder.sort_trials(run.trials)
    return compare(run, trials, stale, damaged)


def write_report(folder: RunFolder) -> Comparison:
    """Write every format into the run's folder. Raises WaitbenchError where the folder can't be written to."""
    comparison = load_comparison(folder)
    drawn, judged = charts.draw(comparison), claim_charts.draw(comparison)
    try:
        (folder.path / "charts").mkdir(exist_ok=True)
        for chart in drawn + judged:
            (folder.path / "charts" / f"{chart.name}.svg").write_text(chart.svg, encoding="utf-8")
        (folder.path / "summary.csv").write_text(tables.summary_csv(comparison), encoding="utf-8")
        (folder.path / "trials.csv").write_text(tables.trials_csv(comparison), encoding="utf-8")
        if comparison.factors:
            (folder.path / "factors.csv").write_text(tables.factors_csv(comparison), encoding="utf-8")
        (folder.path / "report.md").write_text(markdown.render(comparison, drawn), encoding="utf-8")
        (folder.path / "report.html").write_text(html.render(comparison, drawn), encoding="utf-8")
        if comparison.claims:
            (folder.path / "claims.csv").write_text(tables.claims_csv(comparison), encoding="utf-8")
            (folder.path / "claims.md").write_text(claims_markdown.render(comparison, judged), encoding="utf-8")
            (folder.path / "claims.html").write_text(html.render_claims(comparison, judged), encoding="utf-8")
    except OSError as error:
        raise WaitbenchError(f"the report can't be written to {folder.path}: {error.strerror}") from None
    return comparison
