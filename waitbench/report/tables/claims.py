"""The verdicts on claims, as tables and as claims.csv."""

from waitbench.analysis.claims import Evidence, Ruling, Verdict
from waitbench.analysis.comparison import Comparison
from waitbench.report.figures import number, span
from waitbench.report.table import Column, Entry, Row, Table, entries, of_records
from waitbench.report.words.claims import FIGURE_WORDS, count_words, place_words


def claims(comparison: Comparison) -> Table:
    """claims.csv: a row for each rule of each claim."""
    rows = [row for verdict in comparison.claims for row in ruling_rows(verdict)]
    return of_records(list(rows[0]), rows)


def verdict_table(comparison: Comparison) -> Table:
    """The verdict on each claim, with a link to the claim's section."""
    columns = (Column("", "claim", "name"), Column("", "verdict", "word"), Column("", "reason", "word"))
    rows = [
        Row(
            entries(
                Entry(verdict.claim.says, link=f"#claim-{verdict.claim.id}"),
                Entry("", verdict=verdict.judgement),
                count_words(verdict),
            )
        )
        for verdict in comparison.claims
    ]
    return Table(columns, (tuple(rows),))


def rule_table(verdict: Verdict) -> Table:
    """The rules of a claim: the two figures that each compares, their ratio, its zones, and the judgement."""
    columns = (
        Column("says", "rule", "name"),
        Column("", "figure", "name"),
        Column("of", "of", "name"),
        Column("of_figure", "value"),
        Column("over", "divided by", "name"),
        Column("over_figure", "value"),
        Column("ratio", "ratio"),
        Column("interval", "95 % interval"),
        Column("supported", "supported", "name"),
        Column("refuted", "refuted", "name"),
        Column("verdict", "verdict", "word"),
    )
    return Table(columns, (tuple(map(_rule, ruling_rows(verdict))),), {"claim": verdict.claim.id})


def _rule(row: dict[str, str]) -> Row:
    shown = entries(
        f"{row['rule']}. {row['says']}",
        FIGURE_WORDS[row["figure"]],
        *(row[name] for name in ("of", "of_figure", "over", "over_figure")),
        Entry(row["ratio"], bold=True),
        span(row["ratio_low"], row["ratio_high"]),
        row["supported"],
        row["refuted"],
        Entry(row["why"], verdict=row["verdict"]),
    )
    return Row(shown, {"rule": row["rule"]})


DIGITS = {"cpu_s_per_1k": 3}
"""The decimals of a figure; any other figure has 1."""


RATIO_DIGITS = 3


def ruling_rows(verdict: Verdict) -> list[dict[str, str]]:
    return [ruling_row(verdict, number_of, ruling) for number_of, ruling in enumerate(verdict.rulings, 1)]


def ruling_row(verdict: Verdict, number_of: int, ruling: Ruling) -> dict[str, str]:
    """A rule as a row of claims.csv."""
    rule, ratio = ruling.rule, ruling.ratio
    return {
        "claim": verdict.claim.id,
        "claim_verdict": verdict.judgement,
        "rule": str(number_of),
        "says": plain(rule.says),
        "figure": rule.figure,
        "of": place_words(ruling.of),
        "of_figure": _shown(rule.figure, ruling.of),
        "over": place_words(ruling.over),
        "over_figure": _shown(rule.figure, ruling.over),
        "ratio": number(ratio.mean if ratio else None, RATIO_DIGITS),
        "ratio_low": number(ratio.low if ratio else None, RATIO_DIGITS),
        "ratio_high": number(ratio.high if ratio else None, RATIO_DIGITS),
        "supported": rule.supported.words,
        "refuted": rule.refuted.words,
        "verdict": ruling.judgement,
        "why": ruling.why,
    }


def plain(text: str) -> str:
    """The text on one line."""
    return " ".join(text.split())


def _shown(figure: str, side: Evidence) -> str:
    return number(side.value, DIGITS.get(figure, 1))
