"""The framework effect and the concurrency-model effect: their line at the top, and the notes on their table."""

from collections.abc import Iterator, Sequence

from waitbench.analysis.cells import Cell
from waitbench.analysis.factors.load_points import Factors, Measured, level_title
from waitbench.analysis.factors.model import FACTORS, Effect, Factor, Oddity, Split, Unsplit
from waitbench.analysis.factors.simple_effects import SimpleEffect
from waitbench.records.words import listed
from waitbench.report.words.phrases import confidence, in_brackets, times

HEADING = "Framework effect and concurrency-model effect"


VERBS = {"as many": "gives", "as long": "takes", "as much": "costs"}
"""The verb that goes with the words after a ratio (`Measure.times`)."""


def factors_answer(found: Factors) -> str:
    """The result at the highest load, for the measure that ranks the contenders and for CPU cost."""
    parts = [_part(found, each) for each in found.measures if each is found.leading or each.measure.name == "cpu"]
    if found.leading is None:
        at_maximum = "throughput and latency are at the theoretical maximum, so only the cost is split"
        parts.insert(0, at_maximum if found.ceiling_bound else "no valid figure")
    return f"{found.section.title}, {found.point.load_words}, {HEADING.lower()}: {'; '.join(parts)}."


def _part(found: Factors, measured: Measured) -> str:
    title, split = measured.measure.title, measured.split
    if split is None:
        return f"{title} cannot be split"
    if split.oddity and split.interaction:
        return f"for {title}, {_interaction(found, measured, split.oddity)}"
    return f"for {title}, {_effects(split)}"


def _effects(split: Split) -> str:
    """The factor that explains more, and the largest effect of each factor."""
    significant = {factor: split.called(factor) for factor in FACTORS}
    if not any(significant.values()) or split.shares is None:
        return "no effect is significant"
    order: Sequence[Factor] = [split.more, *(f for f in FACTORS if f != split.more)] if split.more else FACTORS
    parts = [
        _against(effects[0], factor, split.effects[factor][0].level)
        if (effects := significant[factor])
        else f"no significant {factor} effect"
        for factor in order
    ]
    more = f"the {split.more} explains more" if split.more else "neither factor clearly explains more"
    shares = [f"{factor} {round(getattr(split.shares, factor) * 100)} %" for factor in FACTORS]
    return f"{more} of the spread{in_brackets(*shares)}, with {listed(parts)}"


def _against(effect: Effect, factor: Factor, reference: str) -> str:
    """`Django at 0.80x Flask (95 % CI 0.78–0.82)`."""
    assert effect.ratio is not None  # only the reference has none
    level, reference = level_title(factor, effect.level), level_title(factor, reference)
    return f"{level} at {times(effect.ratio)} {reference}{in_brackets(confidence(effect.ratio))}"


def _interaction(found: Factors, measured: Measured, oddity: Oddity) -> str:
    """The contender that departs from its prediction, and the simple effects."""
    odd, *as_far = [cell.target.title for name in (oddity.contender, *oddity.as_far) for cell in found.cells
                    if cell.variant == name]  # fmt: skip
    departs = f"{odd} is {times(oddity.ratio)} its prediction"
    if not oddity.holds:
        departs = f"departures from the prediction exceed noise, the largest is {odd} at {times(oddity.ratio)}"
    instead = f"or else {listed(as_far, 'or')} departs" if as_far else ""
    within = [_within(found, measured, f) for f in FACTORS if any(each.factor == f for each in measured.simple)]
    reported = "only simple effects are reported" if within else "no effect is reported"
    why = in_brackets(departs, confidence(oddity.ratio), instead)
    return "; ".join([f"framework and model interact{why}, so {reported}", *within])


def _within(found: Factors, measured: Measured, factor: Factor) -> str:
    """`compared with threads, asyncio gives 0.40x as many in Flask and 0.20x in Django`."""
    reference, *others = found.levels(factor)
    known = [(level_title(factor, level), each) for level in others if (each := measured.within(factor, level))]
    levels = [_of_level(title, each, measured.measure.times) for title, each in known]
    return f"compared with {level_title(factor, reference)}, {', '.join(levels)}"


def _of_level(title: str, effects: list[SimpleEffect], unit: str) -> str:
    different = [each for each in effects if each.differs]
    alike = [each for each in effects if not each.differs]
    ratios = [f"{times(each.ratio)}{f' {unit}' if each is different[0] else ''} {_place(each)}" for each in different]
    none = f"no significant difference {_place(*alike)}" if alike else ""
    if not ratios:
        return f"{title} shows {none}"
    return f"{title} {VERBS[unit]} {listed(ratios)}{f', with {none}' if none else ''}"


def _place(*effects: SimpleEffect) -> str:
    """`in Flask and Django`, or `on threads`."""
    if effects[0].factor == "model":
        return f"in {listed([level_title('framework', each.within) for each in effects])}"
    return f"on {listed([each.within for each in effects])}"


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
