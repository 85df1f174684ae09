"""The effects of framework, concurrency model and server, as a table and as factors.csv."""

from collections.abc import Iterator, Mapping, Sequence

from waitbench.analysis.comparison import Comparison
from waitbench.analysis.factors.design import Factor
from waitbench.analysis.factors.load_points import Factors, Measured
from waitbench.analysis.factors.model import Effect, Shares
from waitbench.analysis.factors.simple_effects import SimpleEffect
from waitbench.analysis.statistics import Interval, verdict
from waitbench.report.figures import bounds, number
from waitbench.report.table import Column, Entry, Row, Table, entries, of_records
from waitbench.report.tables.summary import asked
from waitbench.report.words.factors import why_not
from waitbench.report.words.levels import names, place
from waitbench.report.words.phrases import with_bounds

NONE = "–"
"""Stands where a measure has no such effect or share."""
CONFOUNDED = "confounded"
_UNSHARED: Mapping[int, Sequence[tuple[str, str, str]]] = {
    2: [("both", "several", "share that either explains"), ("neither", "none", "share that neither explains")],
    3: [("several", "several", "share that several explain"), ("none", "none", "share that none explains")],
}
"""By the number of factors, the shares that belong to none: the name in factors.csv, in `Shares`, and in the report."""


def factor_table(found: Factors) -> Table:
    measures = [Column("", measured.measure.title) for measured in found.measures]
    columns = (Column("", "", "name"), Column("", "compared with", "word"), *measures)
    return Table(columns, (*(tuple(_of_factor(found, factor)) for factor in found.factors), tuple(_of_none(found))))


def _of_factor(found: Factors, factor: Factor) -> Iterator[Row]:
    main, *others = found.grouped(factor) or [""]
    for level in others:
        effects = [measured.effect(factor, level) for measured in found.measures]
        reference = next((each.reference for each in effects if each and each.reference), main)
        shown = [_effect(found, factor, each, reference) for each in effects]
        yield _row(found.title(factor, level), found.title(factor, reference), shown, level)
        yield from _simple_rows(found, factor, level)
    yield _row(f"share of the {factor}", "", [_share(measured, factor) for measured in found.measures])


def _row(title: str, against: str, figures: Sequence[str | Entry], level: str = "", within: str = "") -> Row:
    """A row with its figure for each measure, in bold if its effect is significant."""
    return Row(entries(title, against, *figures), {"level": level, "within": within})


def _simple_rows(found: Factors, factor: Factor, level: str) -> Iterator[Row]:
    """The simple effects of a level, for each pair that any measure has."""
    of = [
        {(each.within, each.reference): each for each in measured.within(factor, level)} for measured in found.measures
    ]
    for key in dict.fromkeys(key for effects in of for key in effects):
        there = [effects.get(key) for effects in of]
        known = next(each for each in there if each)
        shown = [Entry(with_bounds(each.ratio), bold=each.differs) if each else Entry(NONE) for each in there]
        where = place(found, factor, known.within)
        title, against = (f"{found.title(factor, each)} {where}" for each in (level, known.reference))
        also = f", other {names(known.differ_in)}" if known.differ_in else ""
        yield _row(title, against + also, shown, level, ";".join(known.within))


def _of_none(found: Factors) -> Iterator[Row]:
    if found.server_included:
        yield _row("server", "", [CONFOUNDED if measured.split else NONE for measured in found.measures])
    for _, name, title in _UNSHARED[len(found.factors)]:
        yield _row(title, "", [_share(measured, name) for measured in found.measures])


def _effect(found: Factors, factor: Factor, effect: Effect | None, reference: str) -> Entry:
    """An effect in the row of `reference`; if it has another one, that is named."""
    if effect is None:
        return Entry(NONE)
    if effect.confounded:
        return Entry(CONFOUNDED)
    if effect.reference and effect.ratio is None:
        return Entry("interaction" if effect.average else NONE)
    other = "" if effect.reference in ("", reference) else f" × {found.title(factor, effect.reference)}"
    average = "mean " if effect.average else ""
    return Entry(average + (with_bounds(effect.ratio) if effect.ratio else "1") + other, bold=effect.differs)


def share_of(shares: Shares | None, name: str) -> float | None:
    if shares is None:
        return None
    only: dict[str, float] = dict(shares.only.items())
    return (only | {"several": shares.several, "none": shares.none}).get(name)


def _share(measured: Measured, name: str) -> str:
    share = share_of(measured.split.shares if measured.split else None, name)
    return NONE if share is None else f"{round(share * 100)} %"


COLUMNS = (
    "workload", "params", "load_model", "load", "measure", "repeats", "contenders", "factor", "level", "reference",
    "ratio", "ratio_low", "ratio_high", "says", "share", "within", "confounded_with",
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
    lines = [{"factor": factor, **_effect_csv(each)}
             for factor, effects in split.effects.items() for each in effects if each.reference]  # fmt: skip
    if found.server_included:
        lines.append({"factor": "server", "says": CONFOUNDED, "confounded_with": ";".join(found.factors)})
    unshared = [(name, of) for name, of, _ in _UNSHARED[len(found.factors)]]
    lines += [
        {"factor": name, "share": number(share_of(split.shares, of), 4)}
        for name, of in [*((factor, factor) for factor in split.effects), *unshared]
    ]
    if split.oddity:
        says = "departs" if split.oddity.holds else "within noise"
        as_far = f", or as far {', '.join(split.oddity.as_far)}" if split.oddity.as_far else ""
        lines.append({"factor": "contender", "level": split.oddity.contender, "reference": "predicted",
                      **bounds("ratio", split.oddity.ratio, 4), "says": says + as_far})  # fmt: skip
    return [*(head | line for line in lines), *_simple_csv(measured)]


def _effect_csv(effect: Effect) -> dict[str, str]:
    row = {"level": effect.level, "reference": effect.reference, **bounds("ratio", effect.ratio, 4)}
    if effect.confounded:
        return row | {"says": CONFOUNDED, "confounded_with": ";".join(effect.confounded.levels or effect.confounded.by)}
    return row | {"says": "interaction" if effect.average else _says(effect.ratio)}


def _simple_csv(measured: Measured) -> list[dict[str, str]]:
    return [_simple_row(each) | {"measure": measured.measure.name} for each in measured.simple]


def _simple_row(effect: SimpleEffect) -> dict[str, str]:
    return {
        "repeats": str(effect.repeats),
        "contenders": ";".join(effect.contenders),
        "factor": effect.factor,
        "level": effect.level,
        "reference": effect.reference,
        **bounds("ratio", effect.ratio, 4),
        "says": _says(effect.ratio),
        "within": ";".join(effect.within),
        "confounded_with": ";".join(effect.differ_in),
    }


def _says(ratio: Interval | None) -> str:
    found = verdict(ratio) if ratio else "inconclusive"
    return {"faster": "more", "slower": "less"}.get(found, found)
