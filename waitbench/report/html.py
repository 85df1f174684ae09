"""report.html and claims.html: one file each, which works offline, on a screen of any width and on paper."""

import base64
import hashlib

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from waitbench.analysis.comparison import Comparison
from waitbench.records.text import for_html
from waitbench.report import factor_words
from waitbench.report.charts.chart import Chart
from waitbench.report.charts.theme import CROWDED, PALETTE, looks
from waitbench.report.claim_figures import FIGURE_WORDS, HOW, JUDGED, count_words, ruling_rows
from waitbench.report.facts import absences, budgets, facts, shortfalls
from waitbench.report.figures import burst_row, interval, knee_interval, knee_row, mixed_row, span, summary_row
from waitbench.report.summary import certainty, section_answers
from waitbench.report.words import KNEE_SHOWS, burst_word, knee_word, load_title, mixed_word, standing_word

_templates = Environment(
    loader=PackageLoader("waitbench", "report"),
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


def render(comparison: Comparison, charts: list[Chart]) -> str:
    return _templates.get_template("report.html.j2").render(
        comparison=comparison,
        results=section_answers(comparison),
        certainty=certainty(comparison),
        charts=_by_section(charts),
        style=STYLE,
        policy=POLICY,
        dot=dots(comparison).__getitem__,
        words=factor_words,
        crowded=len(comparison.variants) > CROWDED,
        summary_row=summary_row,
        interval=interval,
        standing_word=standing_word,
        mixed_row=mixed_row,
        mixed_word=mixed_word,
        burst_row=burst_row,
        burst_word=burst_word,
        span=span,
        knee_row=knee_row,
        knee_interval=knee_interval,
        knee_word=knee_word,
        knee_shows=KNEE_SHOWS,
        load_title=load_title,
        facts=facts(comparison),
        budgets=budgets(comparison),
        caveats=shortfalls(comparison),
    )


def dots(comparison: Comparison) -> dict[str, Markup]:
    """The coloured dot before a contender's name, shaped like its mark if contenders share colours."""
    found = looks(comparison.variants)
    shared = len({own.colour for own in found.values()}) < len(found)
    span = Markup('<span class="dot{}" style="background: var(--line{})"></span>')
    return {name: span.format(f" m{own.mark}" if shared else "", own.colour) for name, own in found.items()}


def render_claims(comparison: Comparison, charts: list[Chart]) -> str:
    return _templates.get_template("claims.html.j2").render(
        comparison=comparison,
        charts=_by_section(charts),
        style=STYLE,
        policy=POLICY,
        ruling_rows=ruling_rows,
        figure_words=FIGURE_WORDS,
        judged=JUDGED,
        count_words=count_words,
        how=HOW,
        absences=absences(comparison),
        span=span,
    )


def _by_section(charts: list[Chart]) -> dict[str, list[tuple[Markup, str]]]:
    found: dict[str, list[tuple[Markup, str]]] = {}
    for chart in charts:
        inline = Markup(chart.inline)  # noqa: S704 - matplotlib escapes
        found.setdefault(chart.section, []).append((inline, chart.caption))
    return found
