"""The time budget of a plan with `time_s` and `sure_within`: what the lowest repeats take, and how many it allows."""

import math
from collections.abc import Mapping

from waitbench.catalog.variants import Variant
from waitbench.errors import UsageError
from waitbench.plan.contender import contenders, served
from waitbench.plan.plan import Plan
from waitbench.plan.trial_order import Blocks
from waitbench.records.run import LEAST_REPEATS, MOST_REPEATS

SLACK_S = 1e-6
"""More than the rounding of a sum of seconds."""


def least_s(blocks: Blocks) -> float:
    """The seconds of load of the lowest number of repeats."""
    return math.fsum(blocks.seconds(point) * blocks.repeats(point) for point in blocks.points)


def most_repeats(plan: Plan, blocks: Blocks) -> int | None:
    """The highest number of repeats that the budget allows any load point; None for a plan with fixed repeats.

    It is known before the run, so the intervals may depend on it.
    """
    if plan.time_s is None:
        return None
    rest_s = max(0.0, plan.time_s - least_s(blocks)) + SLACK_S
    played = [(blocks.repeats(point), blocks.seconds(point)) for point in blocks.points if blocks.seconds(point)]
    return min(MOST_REPEATS, max((least + int(rest_s / each_s) for least, each_s in played), default=LEAST_REPEATS))


def require_time(plan: Plan, known: Mapping[str, Variant]) -> None:
    """Raises UsageError if the budget is less than the lowest number of repeats takes."""
    if plan.time_s is None:
        return
    serves = served(plan, known)
    blocks = Blocks(plan, {who.label: serves[who.variant] for who in contenders(plan)})
    needed_s = least_s(blocks)
    if plan.time_s + SLACK_S < needed_s:
        enough_s = math.ceil(needed_s)
        raise UsageError(
            f"time_s = {plan.time_s:g} is too short: {LEAST_REPEATS} repeats of every load point take {enough_s} s of "
            f"load; give time_s = {enough_s} or more, or ask for fewer cells, loads or contenders"
        )
