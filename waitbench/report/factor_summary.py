"""The answer of framework and model apart: which matters more, or that they can't be told as two factors."""

from waitbench.analysis.factors.load_points import Factors, Measured, level_title
from waitbench.analysis.factors.model import FACTORS, Factor, Oddity, Split
from waitbench.analysis.factors.simple_effects import SimpleEffect
from waitbench.analysis.statistics import Interval
from waitbench.records.words import listed
from waitbench.report.words import with_bounds


def factors_answer(found: Factors) -> str:
    """Of the highest load: what contenders are ranked by, and what they cost."""
    told = [_told(found, each) for each in found.measures if each is found.leading or each.measure.name == "cpu"]
    if found.leading is None:
        told.insert(
            0, "what they answer and when is arithmetic, at the ceiling" if found.ceiling_bound else "no figure"
        )
    return f"{found.section.title}, {found.point.load_words}, framework and model apart: {'; '.join(told)}."


def _told(found: Factors, measured: Measured) -> str:
    title, split = measured.measure.title, measured.split
    if split is None:
        return f"{title} can't be split"
    if split.oddity and split.interaction:
        return f"{title}: {_interaction(found, measured, split.oddity)}"
    return f"{title}: {_matters(split)}"


def _matters(split: Split) -> str:
    """Which explains more, and by how much its farthest level differs."""
    called = {factor: split.called(factor) for factor in FACTORS}
    if not any(called.values()) or split.shares is None:
        return "no difference that holds of either"
    told = [
        f"{level_title(factor, effects[0].level)} {_figure(effects[0].ratio)} times "
        f"{level_title(factor, split.effects[factor][0].level)}"
        if (effects := called[factor])
        else f"no difference that holds of the {factor}"
        for factor in ([split.more, *(f for f in FACTORS if f != split.more)] if split.more else FACTORS)
    ]
    more = f"the {split.more} matters more" if split.more else "neither clearly matters more"
    share = {factor: f"{round(getattr(split.shares, factor) * 100)} %" for factor in FACTORS}
    shares = f"of the spread, the framework explains {share['framework']}, the model {share['model']}"
    return f"{more} ({shares}): {', '.join(told)}"


def _interaction(found: Factors, measured: Measured, oddity: Oddity) -> str:
    """Who departs, and what is so within each level by itself."""
    titles = [cell.target.title for name in (oddity.contender, *oddity.as_far) for cell in found.cells
              if cell.variant == name]  # fmt: skip
    who = titles[0] if len(titles) == 1 else f"{titles[0]} (or else {listed(titles[1:], 'or')})"
    why = f"{who} is {with_bounds(oddity.ratio)} times what they predict"
    if not oddity.holds:
        why = f"departures from what they predict are more than noise, and the farthest is {who}"
    told = [_within(found, measured, factor) for factor in FACTORS if any(e.factor == factor for e in measured.simple)]
    return f"framework and model can't be told as two factors, since {why}{': ' if told else ''}{'; '.join(told)}"


def _within(found: Factors, measured: Measured, factor: Factor) -> str:
    """`against threads, asyncio is 0.40 times as many in Flask and 0.20 in Django`."""
    reference, *others = found.levels(factor)
    known = [(level_title(factor, level), each) for level in others if (each := measured.within(factor, level))]
    told = [_of_level(title, each, measured.measure.times) for title, each in known]
    return f"against {level_title(factor, reference)}, {', '.join(told)}"


def _of_level(title: str, effects: list[SimpleEffect], times: str) -> str:
    held = [each for each in effects if each.differs]
    alike = [each for each in effects if not each.differs]
    told = [f"{each.ratio.mean:.2f}{f' times {times}' if each is held[0] else ''} {_place(each)}" for each in held]
    none = f"no difference that holds {_place(*alike)}" if alike else ""
    if not told:
        return f"{title} has {none}"
    return f"{title} is {listed(told)}{f', with {none}' if none else ''}"


def _place(*effects: SimpleEffect) -> str:
    """`in Flask and Django`, or `on threads`."""
    if effects[0].factor == "model":
        return f"in {listed([level_title('framework', each.within) for each in effects])}"
    return f"on {listed([each.within for each in effects])}"


def _figure(ratio: Interval | None) -> str:
    """Of the reference, which has none, 1."""
    return with_bounds(ratio) if ratio else "1"
