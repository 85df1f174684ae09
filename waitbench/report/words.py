"""Verdicts in the words every format uses."""

from waitbench.comparison import Cell, Point, Standing


def load_title(points: list[Point]) -> str:
    """What the loads of a section are counted in."""
    return "requests/s offered" if points[-1].open else "users"


def standing_word(point: Point, cell: Cell) -> str:
    """How a cell stands under its load, in a few words."""
    if not cell.valid:
        return "not counted: " + ", ".join(dict.fromkeys(r.code for r in cell.reasons if r.weight == "invalid"))
    if point.ceiling_bound:
        return "tie, at the ceiling"
    standing = next(s for s in point.standings if s.cell is cell)
    best = f"quickest by {point.percentile}" if point.open else "most"
    if standing.best and not any(s.verdict == "slower" for s in point.standings):
        return f"{best}, by no difference that holds" if any(s.verdict for s in point.standings) else "alone"
    return _against_best(standing, best) + (", at the ceiling" if cell.ceiling_bound else "")


def _against_best(standing: Standing, best: str) -> str:
    if standing.best:
        return best
    if standing.ratio is None:
        return standing.verdict or "no answers"
    figure = f"{standing.ratio.mean:.2f} {'of the most' if best == 'most' else '× the ' + best}"
    return {"slower": figure, "tie": "tie", "faster": best}.get(standing.verdict or "", f"inconclusive ({figure})")
