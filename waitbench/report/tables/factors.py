"""The framework effect and the concurrency-model effect, as a table and as factors.csv."""

from collections.abc import Iterator, Sequence

from waitbench.analysis.comparison import Comparison
from waitbench.analysis.factors.load_points import Factors, Measured, level_title
from waitbench.analysis.factors.model import FACTORS, Factor, Shares
from waitbench.analysis.statistics import Interval, verdict
from waitbench.report.figures import bounds, number
from waitbench.report.table import Column, Entry, Row, Table, entries, of_records
from waitbench.report.tables.summary import asked
from waitbench.report.words.factors import why_not
from waitbench.report.words.phrases import with_bounds

NONE = "–"
"""Stands where a measure has no such effect or share."""


def factor_table(found: Factors) -> Table:
    measures = [Column("", measured.measure.title) for measured in found.measures]
    columns = (Column("", "", "name"), Column("", "compared with", "word"), *measures)
    return Table(columns, (*(tuple(_of_factor(found, factor)) for factor in FACTORS), _of_neither(found)))


def _of_factor(found: Factors, factor: Factor) -> Iterator[Row]:
    reference, *others = found.levels(factor) or [""]
    for level in others:
        shown = [_effect(measured, factor, level, reference) for measured in found.measures]
        yield _row(level_title(factor, level), level_title(factor, reference), shown, level)
        yield from _simple_rows(found, factor, level)
    yield _row(f"share of the {factor}", "", [_share(measured, factor) for measured in found.measures])


def _row(title: str, against: str, figures: Sequence[str | Entry], level: str = "", within: str = "") -> Row:
    """A row with its figure for each measure, in bold if its effect is significant."""
    return Row(entries(title, against, *figures), {"level": level, "within": within})


def _simple_rows(found: Factors, factor: Factor, level: str) -> Iterator[Row]:
    """The simple effects of a level, for each pair that any measure has."""
    of = [{each.within: each for each in measured.within(factor, level)} for measured in found.measures]
    for within in found.levels(FACTORS[1 - FACTORS.index(factor)]):
        there = [each.get(within) for each in of]
        known = next((each for each in there if each), None)
        if known:
            shown = [Entry(with_bounds(each.ratio), bold=each.differs) if each else Entry(NONE) for each in there]
            title, against = (_placed(factor, each, within) for each in (level, known.reference))
            yield _row(title, against, shown, level, within)


def _placed(factor: Factor, level: str, within: str) -> str:
    """`Django on asyncio`, or `asyncio in Django`."""
    if factor == "framework":
        return f"{level_title('framework', level)} on {within}"
    return f"{level} in {level_title('framework', within)}"


def _of_neither(found: Factors) -> tuple[Row, ...]:
    shares = [("share that either explains", "both"), ("share that neither explains", "neither")]
    return tuple(_row(title, "", [_share(measured, name) for measured in found.measures]) for title, name in shares)


def _effect(measured: Measured, factor: Factor, level: str, reference: str) -> Entry:
    effect = measured.effect(factor, level)
    if measured.split is None or effect is None:
        return Entry(NONE)
    own = measured.split.effects[factor][0].level
    other = "" if own == reference else f" × {level_title(factor, own)}"
    average = "mean " if effect.average else ""
    return Entry(average + (with_bounds(effect.ratio) if effect.ratio else "1") + other, bold=effect.differs)


def share_of(shares: Shares | None, name: str) -> float | None:
    found: float | None = getattr(shares, name, None)
    return found


def _share(measured: Measured, name: str) -> str:
    share = share_of(measured.split.shares if measured.split else None, name)
    return NONE if share is None else f"{round(share * 100)} %"


COLUMNS = (
    "workload", "params", "load_model", "load", "measure", "repeats", "contenders", "factor", "level", "reference",
    "ratio", "ratio_low", "ratio_high", "says", "share", "within",
)  # fmt: skip


def factors(comparison: Comparison) -> Table:
    """factors.csv: all measures of all load points that have a matrix.

    A measure has a row for each effect, each share, the contender that departs most, and each simple effect.
    """
    rows = [
        {**asked(spec), "load_model": spec.load_model, "load": f"{spec.load:g}", **row}
        for found in comparison.factors
        for measured in found.measures
        for spec in [found.cells[0].spec]
        for row in factor_rows(found, measured)
    ]
    return of_records(COLUMNS, rows)


def factor_rows(found: Factors, measured: Measured) -> list[dict[str, str]]:
    """One measure's rows of factors.csv."""
    if measured.split is None:
        why = why_not(found, measured.unsplit) if measured.unsplit else ""
        return [{"measure": measured.measure.name, "says": f"not split: {why}"}, *_simple_csv(measured)]
    split = measured.split
    head = {
        "measure": measured.measure.name,
        "repeats": str(split.repeats),
        "contenders": ";".join(split.contenders),
    }
    lines = [
        {"factor": factor, "level": each.level, "reference": reference.level, **bounds("ratio", each.ratio, 4),
         "says": "interaction" if each.average else _says(each.ratio)}
        for factor, (reference, *others) in split.effects.items() for each in others
    ]  # fmt: skip
    lines += [
        {"factor": factor, "share": number(share_of(split.shares, factor), 4)}
        for factor in (*FACTORS, "both", "neither")
    ]
    if split.oddity:
        says = "departs" if split.oddity.holds else "within noise"
        as_far = f", or as far {', '.join(split.oddity.as_far)}" if split.oddity.as_far else ""
        lines.append({"factor": "contender", "level": split.oddity.contender, "reference": "predicted",
                      **bounds("ratio", split.oddity.ratio, 4), "says": says + as_far})  # fmt: skip
    return [*(head | line for line in lines), *_simple_csv(measured)]


def _simple_csv(measured: Measured) -> list[dict[str, str]]:
    return [
        {"measure": measured.measure.name, "repeats": str(each.repeats), "contenders": ";".join(each.contenders),
         "factor": each.factor, "level": each.level, "reference": each.reference, **bounds("ratio", each.ratio, 4),
         "says": _says(each.ratio), "within": each.within}
        for each in measured.simple
    ]  # fmt: skip


def _says(ratio: Interval | None) -> str:
    found = verdict(ratio) if ratio else "inconclusive"
    return {"faster": "more", "slower": "less"}.get(found, found)
