"""How often load points were repeated, how certain each result became, and what more time would give."""

from math import ceil, isinf
from typing import Literal

from waitbench.analysis.certainty import Certainty, certainties
from waitbench.analysis.comparison import Comparison
from waitbench.records.run import MOST_REPEATS, RunPlan
from waitbench.records.words import counted, duration


def repeats_words(comparison: Comparison) -> str:
    """`3`, or `3 to 9` if load points were repeated differently."""
    if comparison.run.most_repeats is None:
        return of_cells(comparison.run.plan, "repeats")
    return _range({len(cell.trials) for cell in comparison.cells} or {0})


def of_cells(plan: RunPlan, name: Literal["repeats", "measure_s"]) -> str:
    """A value of the plan and of its cells: `3`, or `1 to 6` if cells have their own."""
    return _range({getattr(cell, name) or getattr(plan, name) for cell in plan.cells} or {getattr(plan, name)})


def _range(values: set[float]) -> str:
    return " to ".join(f"{value:g}" for value in sorted({min(values), max(values)}))


def stopping(comparison: Comparison) -> list[str]:
    """Sentences on when the run stopped repeating; none for a run whose repeats were fixed."""
    plan = comparison.run.plan
    if plan.time_s is None or plan.sure_within is None:
        return []
    used_s = sum(spec.load_s for spec in comparison.run.trials)
    used_s -= sum(spec.load_s for spec in comparison.missing)
    within = f"{plan.sure_within * 100:g} %"
    lines = [
        f"The run repeated load points with undecided results first, then those with a CI wider than ±{within}.",
        f"A result is decided if it is significant or a tie, and sure if its CI is within ±{within} of the ratio.",
        f"The run used {duration(used_s)} of its {duration(plan.time_s)} of load.",
        "Every CI allows for the looks at the results after each round of repeats.",
    ]
    effects = f"The effects of factors, such as framework and model, use only the first {plan.repeats} repeats."
    return [*lines, *([effects] if comparison.factors else [])]


def each_certainty(comparison: Comparison) -> list[str]:
    """A line for each load point with a comparison, one for all others, and what would make every result sure."""
    found = certainties(comparison)
    lines = [_line(each) for each in found if each.compared]
    if bound := [each.where for each in found if each.at_maximum]:
        lines.append(f"At the theoretical maximum, so not repeated further: {'; '.join(bound)}.")
    if alone := [each.where for each in found if not each.compared and not each.at_maximum]:
        lines.append(f"Fewer than two contenders count, so not repeated further: {'; '.join(alone)}.")
    return [*lines, *_moreduration(comparison, found)]


def _line(found: Certainty) -> str:
    """`A plain wait (ms = 100), 500 users: undecided after 8 repeats. The widest CI is ±9.8 % (Flask). About ...`."""
    widest = found.widest
    assert widest is not None
    state = "sure" if found.sure else "undecided" if found.undecided else "decided"
    line = f"{found.where}: {state} after {counted(widest.repeats, 'repeat', 'repeats')}."
    if isinf(widest.half_width):
        return f"{line} {widest.title} has no CI yet."
    line += f" The widest CI is ±{widest.half_width * 100:.1f} % of its ratio ({widest.title})."
    return line if found.sure else f"{line} {_needed(found)}"


def _needed(found: Certainty) -> str:
    within, needed = f"±{found.within * 100:g} %", _within_reach(found)
    if needed is None:
        return f"For {within} it needs more than {MOST_REPEATS} repeats: raise measure_s, or use a quieter machine."
    more = counted(needed, "more repeat", "more repeats")
    return f"About {more} ({duration(needed * found.block_s)} of load) would give {within}."


def _moreduration(comparison: Comparison, found: list[Certainty]) -> list[str]:
    """A line on the results that a longer time would make sure, from the present spread; none if there are none."""
    time_s = comparison.run.plan.time_s or 0.0
    open_points = [each for each in found if each.compared and not each.sure]
    known = [each for each in open_points if _within_reach(each) is not None]
    if not known or comparison.missing:
        return []
    more_s = sum(each.seconds_needed or 0.0 for each in known)
    spent_s = sum(spec.load_s for spec in comparison.run.trials)
    every = "every result" if len(known) == len(open_points) else f"{len(known)} of {len(open_points)} wider results"
    return [
        f"In all, about {duration(more_s)} more load would make {every} sure within {known[0].within * 100:g} % "
        f"(estimated from the present spread): give time_s = {ceil(max(time_s, spent_s + more_s))}."
    ]


def _within_reach(found: Certainty) -> int | None:
    """How many more repeats are needed; None if it is unknown, or more than a run can have."""
    needed, widest = found.repeats_needed, found.widest
    if needed is None or widest is None or needed + widest.repeats > MOST_REPEATS:
        return None
    return needed
