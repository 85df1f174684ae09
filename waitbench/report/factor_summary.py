"""The result line on framework and model: which explains more, or that they interact."""

from collections.abc import Sequence

from waitbench.analysis.factors.load_points import Factors, Measured, level_title
from waitbench.analysis.factors.model import FACTORS, Effect, Factor, Oddity, Split
from waitbench.analysis.factors.simple_effects import SimpleEffect
from waitbench.records.words import listed
from waitbench.report.factor_words import HEADING
from waitbench.report.words import confidence, in_brackets, times

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
