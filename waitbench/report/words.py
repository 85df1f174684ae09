"""Verdicts in the words every format uses."""

from waitbench.analysis.cells import Cell
from waitbench.analysis.knee.found import Knee, KneeSection
from waitbench.analysis.points import Point, Standing
from waitbench.analysis.scenarios.bursts import Burst, BurstSection
from waitbench.analysis.scenarios.mixed import MixedPoint, Pair
from waitbench.analysis.statistics import Interval
from waitbench.report.figures import interval, knee_doubt


def with_bounds(ratio: Interval) -> str:
    """`0.80 (0.75–0.86)`, or the mean alone where it has no interval."""
    return f"{ratio.mean:.2f} ({ratio.low:.2f}–{ratio.high:.2f})" if ratio.bounded else f"{ratio.mean:.2f}"


def load_title(points: list[Point]) -> str:
    """What the loads of a section are counted in."""
    return "requests/s offered" if points[-1].open else "users"


def standing_word(point: Point, cell: Cell) -> str:
    """How a cell stands under its load, in a few words."""
    if not cell.valid:
        return "not counted: " + ", ".join(cell.spoilt_by)
    if cell not in point.counted:
        return _beside(point, cell)
    if point.ceiling_bound:
        return "tie, at the ceiling"
    standing = next(s for s in point.standings if s.cell is cell)
    best = f"quickest by {point.percentile}" if point.open else "most"
    ranked = [s for s in point.standings if s.cell in point.counted]
    if standing.best and not any(s.verdict == "slower" for s in ranked):
        return f"{best}, by no difference that holds" if any(s.verdict for s in ranked) else "alone"
    return _against_best(standing, best) + (", at the ceiling" if cell.ceiling_bound else "")


def _beside(point: Point, cell: Cell) -> str:
    """Of one that is not ranked: what it is, and how it stands to the best that is."""
    ratio = next(s for s in point.standings if s.cell is cell).ratio
    told = (
        f": {ratio.mean:.2f} {f'× the quickest by {point.percentile}' if point.open else 'of the most'}"
        if ratio
        else ""
    )
    return f"{cell.target.kind}{told}"


def mixed_word(point: MixedPoint, pair: Pair) -> str:
    """What its neighbours do to a contender, in a few words."""
    if not pair.valid:
        return "not counted: " + ", ".join(_codes(cell) for cell in pair.cells if not cell.valid)
    if pair.beside is None or pair.alone is None:
        return f"no trials {'alone' if pair.beside else 'beside them'} to compare with"
    ratio, verdict = point.ratio(pair), point.verdict(pair)
    if ratio is None:
        return "nothing to compare"
    by = "" if point.percentile == "p99" else f" by {point.percentile}"
    if verdict in ("slower", "faster"):
        return f"{ratio.mean:.2f} × ({interval(ratio, 2)}) as long{by}"
    return f"no difference that holds{by} ({', '.join(filter(None, [f'{ratio.mean:.2f} ×', interval(ratio, 2)]))})"


def _codes(cell: Cell) -> str:
    return f"{', '.join(cell.spoilt_by)} ({'alone' if cell.spec.alone else 'beside'})"


def burst_word(section: BurstSection, burst: Burst) -> str:
    """Whether a contender recovered, in a few words."""
    if not burst.cell.valid:
        return "not counted: " + ", ".join(burst.cell.spoilt_by)
    if not burst.unrecovered:
        return "recovered" if burst.recovery and burst.recovery.mean else "recovered at once"
    trials = len(burst.cell.trials)
    some = f" in {burst.unrecovered} of {trials} trials" if burst.unrecovered < trials else ""
    return f"did not recover within {section.after.length_s:g} s{some}"


KNEE_SHOWS = (
    "It shows how many requests a second a stack takes before its p99 gives way. The knee lies between two rates: at "
    "the lower one every repeat met the objective, at the higher one every repeat missed it. The figures beside it are "
    "of the lower one."
)


def knee_word(section: KneeSection, knee: Knee) -> str:
    """How a contender stands in a search, in a few words."""
    if doubt := knee_doubt(knee):
        return doubt
    if knee is section.most:
        behind = [section.verdict(other) for other in section.knees]
        return "holds most" if "slower" in behind or len(section.knees) == 1 else "no difference that holds"
    best = section.most
    if best is None or best.low is None or knee.low is None or section.verdict(knee) != "slower":
        return "no difference that holds"
    return f"{knee.low / best.low:.2f} of the most"


def _against_best(standing: Standing, best: str) -> str:
    if standing.best:
        return best
    if standing.ratio is None:
        return standing.verdict or "no answers"
    figure = f"{standing.ratio.mean:.2f} {'of the most' if best == 'most' else '× the ' + best}"
    return {"slower": figure, "tie": "tie", "faster": best}.get(standing.verdict or "", f"inconclusive ({figure})")
