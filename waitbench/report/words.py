"""Verdicts in the words that every format uses."""

from waitbench.analysis.cells import Cell
from waitbench.analysis.knee.found import Knee, KneeSection
from waitbench.analysis.points import Point, Standing
from waitbench.analysis.scenarios.bursts import Burst, BurstSection
from waitbench.analysis.scenarios.mixed import MixedPoint, Pair
from waitbench.analysis.statistics import Interval
from waitbench.report.figures import interval, knee_doubt


def with_bounds(ratio: Interval) -> str:
    """`0.80 (0.75–0.86)`, or the mean alone if it has no interval."""
    return f"{ratio.mean:.2f} ({ratio.low:.2f}–{ratio.high:.2f})" if ratio.bounded else f"{ratio.mean:.2f}"


def times(ratio: Interval) -> str:
    """`0.80x`."""
    return f"{ratio.mean:.2f}x"


def confidence(ratio: Interval) -> str:
    """`95 % CI 0.75–0.86`, or "" without an interval."""
    return f"95 % CI {interval(ratio, 2)}" if ratio.bounded else ""


def in_brackets(*parts: str) -> str:
    """` (p99 12 ms, 95 % CI 0.75–0.86)` with a leading blank, or "" if all parts are empty."""
    given = ", ".join(filter(None, parts))
    return f" ({given})" if given else ""


def load_title(points: list[Point]) -> str:
    """The unit of a section's loads."""
    return "requests/s offered" if points[-1].open else "users"


def standing_word(point: Point, cell: Cell) -> str:
    """How a cell compares with the best of its load point, in a few words."""
    if not cell.valid:
        return "not counted: " + ", ".join(cell.invalid_codes)
    best, unit = (f"lowest {point.percentile}", f"best {point.percentile}") if point.open else ("highest", "best")
    if cell not in point.counted:
        return _unranked(point, cell, unit)
    if point.ceiling_bound:
        return "at the theoretical maximum, not ranked"
    standing = next(s for s in point.standings if s.cell is cell)
    ranked = [s for s in point.standings if s.cell in point.counted]
    if standing.best and not any(s.verdict == "slower" for s in ranked):
        return f"{best}, not significant" if any(s.verdict for s in ranked) else "only valid contender"
    at_maximum = ", at the theoretical maximum" if cell.ceiling_bound else ""
    return _against_best(standing, best, unit) + at_maximum


def _unranked(point: Point, cell: Cell, unit: str) -> str:
    """The kind of a cell that is not ranked, and its ratio to the best contender."""
    ratio = next(s for s in point.standings if s.cell is cell).ratio
    return f"{cell.target.kind}: {times(ratio)} {unit}" if ratio else cell.target.kind


def mixed_word(point: MixedPoint, pair: Pair) -> str:
    """The effect of its neighbours on a contender, in a few words."""
    if not pair.valid:
        return "not counted: " + ", ".join(_codes(cell) for cell in pair.cells if not cell.valid)
    if pair.beside is None or pair.alone is None:
        return f"no trials {'alone' if pair.beside else 'with neighbours'} to compare with"
    ratio, verdict = point.ratio(pair), point.verdict(pair)
    if ratio is None:
        return "nothing to compare"
    by = "" if point.percentile == "p99" else f" by {point.percentile}"
    if verdict in ("slower", "faster"):
        return f"{times(ratio)} as long ({interval(ratio, 2)}){by}"
    return f"not significant{by}{in_brackets(times(ratio), interval(ratio, 2))}"


def _codes(cell: Cell) -> str:
    return f"{', '.join(cell.invalid_codes)} ({'alone' if cell.spec.alone else 'with neighbours'})"


def burst_word(section: BurstSection, burst: Burst) -> str:
    """Whether a contender recovered, in a few words."""
    if not burst.cell.valid:
        return "not counted: " + ", ".join(burst.cell.invalid_codes)
    if not burst.unrecovered:
        return "recovered" if burst.recovery and burst.recovery.mean else "recovered immediately"
    trials = len(burst.cell.trials)
    some = f" in {burst.unrecovered} of {trials} trials" if burst.unrecovered < trials else ""
    return f"did not recover within {section.after.length_s:g} s{some}"


KNEE_SHOWS = (
    "It shows the highest request rate that a stack sustains within the p99 objective (the knee). The knee lies "
    "between two rates: every repeat met the objective at the lower rate and missed it at the higher rate. The other "
    "figures in the table are those of the lower rate."
)


def knee_word(section: KneeSection, knee: Knee) -> str:
    """How the knee of a contender compares with the highest one, in a few words."""
    if doubt := knee_doubt(knee):
        return doubt
    if knee is section.most:
        behind = [section.verdict(other) for other in section.knees]
        return "highest" if "slower" in behind or len(section.knees) == 1 else "highest, intervals overlap"
    best = section.most
    if best is None or best.low is None or knee.low is None or section.verdict(knee) != "slower":
        return "intervals overlap"
    return f"{knee.low / best.low:.2f}x best"


def _against_best(standing: Standing, best: str, unit: str) -> str:
    if standing.best:
        return best
    if standing.ratio is None:
        return standing.verdict or "no good responses"
    figure = f"{times(standing.ratio)} {unit}"
    return {"slower": figure, "tie": "tie", "faster": best}.get(standing.verdict or "", f"inconclusive ({figure})")
