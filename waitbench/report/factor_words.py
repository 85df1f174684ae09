"""The framework effect and the concurrency-model effect, in the words that every format uses."""

from collections.abc import Iterator
from dataclasses import dataclass

from waitbench.analysis.cells import Cell
from waitbench.analysis.factors.load_points import Factors, Measured, level_title
from waitbench.analysis.factors.model import FACTORS, Factor, Oddity, Shares, Unsplit
from waitbench.analysis.statistics import Interval, verdict
from waitbench.records.words import listed
from waitbench.report.figures import bounds, number
from waitbench.report.words import confidence, in_brackets, times, with_bounds

HEADING = "Framework effect and concurrency-model effect"


@dataclass(frozen=True)
class Row:
    title: str
    against: str
    figures: list[tuple[str, bool]]
    """The text for each measure, and whether its effect is significant."""
    group: str
    """A factor, or `neither`."""
    level: str = ""
    within: str = ""
    """For a simple effect, the level of the other factor."""


def intro(found: Factors) -> str:
    """How to read the table."""
    references = {factor: level_title(factor, found.levels(factor)[0]) for factor in FACTORS if found.levels(factor)}
    if len(references) < len(FACTORS):
        return "No contender is valid, so there is nothing to split."
    return (
        f"At {found.point.load_words}, the table compares each framework with {references['framework']} on the same "
        f"model, and each model with {references['model']} on the same framework. Figures are ratios over the repeats. "
        "A share is the part of the spread between contenders that only the framework, or only the model, explains. "
        "The rows below a level are its simple effects, each measured within one framework or on one model. "
        "Bold means significant."
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
    """The simple effects of a level, for each pair that any measure has."""
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
    shares = [("share that either explains", "both"), ("share that neither explains", "neither")]
    return [Row(title, "", [(_share(m, name), False) for m in found.measures], "neither") for title, name in shares]


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


def notes(found: Factors) -> list[str]:
    """Notes below the table: what it leaves out, and for which contender the split does not hold."""
    lines = []
    if found.lost:
        lines.append(f"Invalid, so not included: {_titles(found.lost)}.")
    if found.ceiling_bound:
        lines.append(
            "All contenders are at the theoretical maximum, which sets their throughput and latency, so only the cost "
            "is split."
        )
    elif found.point.open:
        lines.append("The plan sets the rate, so good responses are not split.")
    if found.at_ceiling:
        lines.append(
            "At a theoretical maximum of their own, which arithmetic sets and not the stack: "
            f"{_titles(found.at_ceiling)}. The effects on good responses/s include this limit."
        )
    for measured in found.measures:
        lines += _doubts(found, measured)
    if any(measured.split and measured.split.interaction for measured in found.measures):
        lines.append(
            "Framework and model interact, so their effects do not multiply. An effect over all contenders is then a "
            "mean of simple effects that differ. It is marked as a mean and gets no verdict; the simple effects do."
        )
    if any(measured.measure.name == "memory" for measured in found.measures):
        lines.append("Memory has one figure for all trials of a contender, so its ratios have no interval.")
    return lines


def _doubts(found: Factors, measured: Measured) -> Iterator[str]:
    title = measured.measure.title
    if measured.unsplit:
        yield f"{title} cannot be split: {why_not(found, measured.unsplit)}."
    if measured.split:
        without = [c for c in found.cells if c.valid and c.variant not in measured.split.contenders]
        if without:
            yield f"{title}: without {_titles(without)}, which has no figure or too few repeats."
        yield f"{title}: {oddity_words(found, measured.split.oddity)}."


def why_not(found: Factors, unsplit: Unsplit) -> str:
    if unsplit.why == "repeats":
        return "no repeat has all contenders"
    if unsplit.why == "levels":
        return "all valid contenders have the same framework, or all have the same model"
    parts = "; ".join(_titles([_cell(found, name) for name in part]) for part in unsplit.parts)
    return f"these groups have neither a framework nor a model in common ({parts})"


def oddity_words(found: Factors, oddity: Oddity | None) -> str:
    """Whether framework and model interact, and which contender departs most from the prediction."""
    if oddity is None:
        return "too few contenders to test whether framework and model interact"
    title = _cell(found, oddity.contender).target.title
    others = [_cell(found, name) for name in oddity.as_far]
    instead = f"or else {_titles(others, 'or')} departs" if others else ""
    at = f"{times(oddity.ratio)} its prediction{in_brackets(confidence(oddity.ratio), instead)}"
    largest = f"the largest departure is {title} at {at}"
    if oddity.holds:
        return f"framework and model interact, because {title} is at {at}"
    if oddity.interaction:
        return f"framework and model interact, because departures from the prediction exceed noise; {largest}"
    if not oddity.ratio.bounded:
        return f"one figure for each contender cannot show whether departures exceed noise; {largest}"
    return f"no departure from the prediction exceeds noise; {largest}"


def _cell(found: Factors, name: str) -> Cell:
    return next(cell for cell in found.cells if cell.variant == name)


def _titles(cells: list[Cell], word: str = "and") -> str:
    return listed([cell.target.title for cell in cells], word)
