"""Interaction: whether the factors' effects do not multiply, and the contender that departs most from them.

A contender may depart from its levels by the same factor in each repeat. This widens no interval, but moves every
effect. So with interaction no effect is called significant; simple_effects.py has the effects that need no model.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from waitbench.analysis.factors.design import EXACT, Array, Design
from waitbench.analysis.statistics import CONFIDENCE, PRACTICAL, Interval, differs, geometric_interval


@dataclass(frozen=True)
class Oddity:
    """The contender that is farthest from the prediction by its levels."""

    contender: str
    ratio: Interval
    """Its figure over the prediction from all other contenders."""
    as_far: tuple[str, ...]
    """Contenders that are equally far; with two frameworks, the other one on the same model."""
    interaction: bool
    """Whether the residuals after all factors are more than noise (F test) and this departure is large enough."""

    @property
    def holds(self) -> bool:
        """Whether there is interaction and this contender's departure is significant too."""
        return self.interaction and differs(self.ratio)


def oddity(names: Sequence[str], design: Design, logs: Array) -> Oddity | None:
    """The contender that would explain the most more squares if it had a parameter of its own."""
    free = 1 - np.diag(design.fit)
    residuals = logs - logs @ design.fit
    tried = [n for n in range(len(names)) if free[n] > EXACT]  # the others are alone with one of their levels
    if not tried:
        return None
    scores = {n: abs(float(residuals[:, n].mean())) / math.sqrt(free[n]) for n in tried}
    most = max(scores.values())
    # Among equals the first of the run, because rounding errors would choose by chance.
    far, *as_far = [n for n in tried if math.isclose(scores[n], most, rel_tol=EXACT, abs_tol=EXACT)]
    # The contender influences its own fit; dividing by `free` gives the residual of a fit to the others only.
    ratio = geometric_interval(np.exp(residuals[:, far] / free[far]).tolist())
    enough = abs(ratio.mean - 1) >= PRACTICAL
    interaction = enough and _more_than_noise(residuals, design.freedom)
    return Oddity(names[far], ratio, tuple(names[n] for n in as_far), interaction)


def _more_than_noise(residuals: Array, freedom: int) -> bool:
    """Whether the residuals after all factors are the same in each repeat, by an F test.

    The test uses all contenders, so it has no selection bias; the farthest contender was selected for being far.
    """
    repeats = len(residuals)
    if repeats < 2:
        return False
    steady = residuals.mean(axis=0)
    noise = float(np.sum((residuals - steady) ** 2)) / (repeats - 1)
    bound = float(special.fdtri(freedom, freedom * (repeats - 1), CONFIDENCE))
    return repeats * float(np.sum(steady**2)) > bound * noise
