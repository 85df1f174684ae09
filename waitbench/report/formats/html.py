"""report.html and claims.html: one file each, which works offline, on a screen of any width and on paper."""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from waitbench.analysis.comparison import Comparison
from waitbench.records.text import for_html
from waitbench.report.charts.chart import Chart
from waitbench.report.charts.theme import CROWDED, PALETTE, looks
from waitbench.report.contents import Report
from waitbench.report.tables.claims import verdict_table
from waitbench.report.words.claims import HOW, JUDGED
from waitbench.report.words.facts import absences
from waitbench.report.words.summary import CERTAINTY

_templates = Environment(
    loader=PackageLoader("waitbench.report"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    finalize=for_html,
)

STYLE = Markup(_templates.get_template("style.css.j2").render(palette=Markup(PALETTE)))  # noqa: S704 - our own constants
"""The style sheet of both pages, the only one that their policy allows."""
POLICY = Markup(  # noqa: S704 - our own constants
    "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; style-src 'unsafe-inline'; "
    f"style-src-elem 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
)
"""The content security policy (CSP) of both pages: no script, nothing fetched, one style sheet, given by its hash.

Style attributes are allowed, because charts have hundreds of them. They only change how something looks, and they
cannot fetch anything either.
"""


def files(report: Report) -> Iterator[tuple[str, str]]:
    yield "report.html", _page("report.html.j2", report)
    if report.claims:
        how, left_out = HOW, absences(report.comparison)
        verdicts = verdict_table(report.comparison)
        yield "claims.html", _page("claims.html.j2", report, how=how, absences=left_out, verdicts=verdicts)


def _page(template: str, report: Report, **more: Any) -> str:
    comparison = report.comparison
    return _templates.get_template(template).render(
        report=report,
        run=comparison.run,
        style=STYLE,
        policy=POLICY,
        dots=dots(comparison),
        crowded=len(comparison.variants) > CROWDED,
        judged=JUDGED,
        certainty_title=CERTAINTY,
        inline=_inline,
        **more,
    )


def dots(comparison: Comparison) -> dict[str, Markup]:
    """The coloured dot before a contender's name, shaped like its mark if contenders share colours."""
    found = looks(comparison.variants)
    shared = len({own.colour for own in found.values()}) < len(found)
    span = Markup('<span class="dot{}" style="background: var(--line{})"></span>')
    return {name: span.format(f" m{own.mark}" if shared else "", own.colour) for name, own in found.items()}


def _inline(chart: Chart) -> Markup:
    return Markup(chart.inline)  # noqa: S704 - matplotlib escapes
