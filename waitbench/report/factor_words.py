"""What is said of framework and model apart, in the words every format uses."""

from collections.abc import Iterator
from dataclasses import dataclass

from waitbench.analysis.cells import Cell
from waitbench.analysis.factors.load_points import Factors, Measured, level_title
from waitbench.analysis.factors.model import FACTORS, Factor, Oddity, Shares, Unsplit
from waitbench.analysis.statistics import Interval, verdict
from waitbench.records.words import listed
from waitbench.report.figures import bounds, number
from waitbench.report.words import with_bounds

HEADING = "Framework and model apart"


@dataclass(frozen=True)
class Row:
    title: str
    against: str
    figures: list[tuple[str, bool]]
    """Of each measure, with whether it is a difference that holds."""
    group: str
    """A factor, or what is neither's."""
    level: str = ""
    within: str = ""
    """Of a simple effect: the level of the other factor."""


def intro(found: Factors) -> str:
    """How to read the table."""
    references = {factor: level_title(factor, found.levels(factor)[0]) for factor in FACTORS if found.levels(factor)}
    if len(references) < len(FACTORS):
        return "No contender counts, so there is nothing to split."
    return (
        f"At {found.point.load_words}, ratios over the repeats: a framework against {references['framework']} on the "
        f"same model, a model against {references['model']} on the same framework. A share is the part of the spread "
        "between contenders that the framework, or the model, explains and the other can't. Below each level stand its "
        "simple effects: what was measured within one framework, or on one model, alone. Bold: a difference that holds."
    )


def rows(found: Factors) -> list[Row]:
    """The table, the same in every format."""
    return [row for factor in FACTORS for row in _of_factor(found, factor)] + _of_neither(found)


def _of_factor(found: Factors, factor: Factor) -> Iterator[Row]:
    reference, *others = found.levels(factor) or [""]
    for level in others:
        shown = [_effect(measured, factor, level, reference) for measured in found.measures]
        yield Row(level_title(factor, level), level_title(factor, reference), shown, factor, level)
        yield from _simple_rows(found, factor, level)
    yield Row(f"share of the {factor}", "", [(_share(m, factor), False) for m in found.measures], factor)


def _simple_rows(found: Factors, factor: Factor, level: str) -> Iterator[Row]:
    """Of the pairs that any measure has."""
    of = [{each.within: each for each in measured.within(factor, level)} for measured in found.measures]
    for within in found.levels(FACTORS[1 - FACTORS.index(factor)]):
        there = [each.get(within) for each in of]
        known = next((each for each in there if each), None)
        if known:
            shown = [(with_bounds(each.ratio), each.differs) if each else ("–", False) for each in there]
            title, against = (_placed(factor, each, within) for each in (level, known.reference))
            yield Row(title, against, shown, factor, level, within)


def _placed(factor: Factor, level: str, within: str) -> str:
    """`Django on asyncio`, or `asyncio in Django`."""
    if factor == "framework":
        return f"{level_title('framework', level)} on {within}"
    return f"{level} in {level_title('framework', within)}"


def _of_neither(found: Factors) -> list[Row]:
    told = [("share of either of the two", "both"), ("share of neither", "neither")]
    return [Row(title, "", [(_share(m, name), False) for m in found.measures], "neither") for title, name in told]


def _effect(measured: Measured, factor: Factor, level: str, reference: str) -> tuple[str, bool]:
    effect = measured.effect(factor, level)
    if measured.split is None or effect is None:
        return "–", False
    own = measured.split.effects[factor][0].level
    other = "" if own == reference else f" × {level_title(factor, own)}"
    average = "mean " if effect.average else ""
    return average + (with_bounds(effect.ratio) if effect.ratio else "1") + other, effect.differs


def share_of(shares: Shares | None, name: str) -> float | None:
    found: float | None = getattr(shares, name, None)
    return found


def _share(measured: Measured, name: str) -> str:
    share = share_of(measured.split.shares if measured.split else None, name)
    return "–" if share is None else f"{round(share * 100)} %"


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
    told = [
        {"factor": factor, "level": each.level, "reference": reference.level, **bounds("ratio", each.ratio, 4),
         "says": "interaction" if each.average else _says(each.ratio)}
        for factor, (reference, *others) in split.effects.items() for each in others
    ]  # fmt: skip
    told += [
        {"factor": factor, "share": number(share_of(split.shares, factor), 4)}
        for factor in (*FACTORS, "both", "neither")
    ]
    if split.oddity:
        says = "departs" if split.oddity.holds else "within noise"
        as_far = f", or as far {', '.join(split.oddity.as_far)}" if split.oddity.as_far else ""
        told.append({"factor": "contender", "level": split.oddity.contender, "reference": "predicted",
                     **bounds("ratio", split.oddity.ratio, 4), "says": says + as_far})  # fmt: skip
    return [*(head | row for row in told), *_simple_csv(measured)]


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


def notes(found: Factors) -> list[str]:
    """What the table leaves out, and for whom the split does not hold."""
    lines = []
    if found.lost:
        lines.append(f"Not part of it, since they do not count: {_titles(found.lost)}.")
    if found.ceiling_bound:
        lines.append("All stand at the ceiling, so arithmetic says what they answer and when: only the cost is split.")
    elif found.point.open:
        lines.append("The rate is given, so good answers are not split.")
    if found.at_ceiling:
        lines.append(
            f"At a ceiling of their own, which arithmetic sets and not the stack: {_titles(found.at_ceiling)}. What "
            "the table tells of good answers/s is of that too."
        )
    for measured in found.measures:
        lines += _doubts(found, measured)
    if any(measured.split and measured.split.interaction for measured in found.measures):
        lines.append(
            "Where framework and model do not multiply (interaction), an effect over all contenders is a mean of "
            "simple effects that differ: it says so and is not called. The simple effects are."
        )
    if any(measured.measure.name == "memory" for measured in found.measures):
        lines.append("Memory has one figure for all trials of a contender, so its ratios have no interval.")
    return lines


def _doubts(found: Factors, measured: Measured) -> Iterator[str]:
    title = measured.measure.title
    if measured.unsplit:
        yield f"{title} can't be split: {why_not(found, measured.unsplit)}."
    if measured.split:
        without = [c for c in found.cells if c.valid and c.variant not in measured.split.contenders]
        if without:
            yield f"{title}: without {_titles(without)}, of which there is no figure, or of too few repeats."
        yield f"{title}: {oddity_words(found, measured.split.oddity)}."


def why_not(found: Factors, unsplit: Unsplit) -> str:
    if unsplit.why == "repeats":
        return "no repeat has all of its contenders"
    if unsplit.why == "levels":
        return "of those that count, all have the same framework or all the same model"
    parts = "; ".join(_titles([_cell(found, name) for name in part]) for part in unsplit.parts)
    return f"these parts have neither a framework nor a model in common: {parts}"


def oddity_words(found: Factors, oddity: Oddity | None) -> str:
    """Whether framework and model multiply, and if not, for whom."""
    if oddity is None:
        return "too few contenders to tell whether the effects of framework and model multiply"
    title = _cell(found, oddity.contender).target.title
    others = [_cell(found, name) for name in oddity.as_far]
    alike = f" (or, as far the other way, {_titles(others, 'or')})" if others else ""
    far = f"the farthest is {title}{alike}, {with_bounds(oddity.ratio)}"
    if oddity.holds:
        return (
            f"the split does not hold for {title}{alike}: {with_bounds(oddity.ratio)} times what its framework and its "
            "model predict"
        )
    if oddity.interaction:
        return f"the split does not hold, since departures from it are more than noise; {far}"
    if not oddity.ratio.bounded:
        return f"one figure of each can't tell whether departures from the split are more than noise; {far}"
    return f"no departure from the split is more than noise; {far}"


def _cell(found: Factors, name: str) -> Cell:
    return next(cell for cell in found.cells if cell.variant == name)


def _titles(cells: list[Cell], word: str = "and") -> str:
    return listed([cell.target.title for cell in cells], word)
