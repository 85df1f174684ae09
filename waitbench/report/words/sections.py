"""The result of a section: its line at the top of the report, and how each contender compares with the best."""

from collections.abc import Iterator

from waitbench.analysis.cells import Cell
from waitbench.analysis.points import Point, Section, Standing
from waitbench.analysis.same_server import ByServer, by_server, program
from waitbench.analysis.statistics import Interval
from waitbench.records.words import listed
from waitbench.report.words.phrases import confidence, in_brackets, ms, times


def load_title(points: list[Point]) -> str:
    """The unit of a section's loads."""
    return "requests/s offered" if points[-1].open else "users"


def answer(section: Section) -> str:
    """The result at the highest load, the lower loads that are not ranked, and the CPU cost."""
    if section.twins:
        return _noise(section)
    return " ".join(part for part in (_top(section), _below(section), _cost(section.top)) if part)


def _noise(section: Section) -> str:
    """The ratio of a contender to itself: the effect of this machine and this minute alone."""
    parts = []
    for point in section.points:
        ratios = [_with_confidence(s.ratio) for s in point.standings if s.ratio is not None]
        significant = any(standing.verdict == "slower" for standing in point.standings)
        known = listed(ratios) if ratios else "unknown"
        chance = ", which counts as significant" if significant and ratios else ""
        parts.append(f"{known} at {point.load_words}{chance}{_not_counted(point)}")
    figure = section.top.percentile if section.top.open else "good responses/s"
    title = section.top.cells[0].target.title.partition(" (no. ")[0]
    where = f"{section.title}, the noise floor of {title} (compared with itself, A/A)"
    return f"{where}: ratio of {figure} {'; '.join(parts)}."


def _top(section: Section) -> str:
    point = section.top
    where = f"{section.title}, {point.load_words}:"
    if point.best is None:
        return f"{where} no valid figure."
    if point.ceiling_bound:
        return f"{where} {_at_maximum(point, point.best)}{_not_counted(point)}."
    unranked = [s for s in point.standings if s.cell.valid and s.cell not in point.counted]
    found = by_server(point)
    sentences = [
        *(
            _each_server(where, point, point.best, found)
            if found
            else _ranking(where, point, point.best, unranked=bool(unranked))
        ),
        *(
            _listing(title, [_ratio(s) for s in unranked if s.cell.target.kind == kind])
            for kind, title in _KINDS.items()
        ),
        _listing("Not counted", _invalid(point)),
    ]
    return " ".join(filter(None, sentences))


def _ranking(where: str, point: Point, best: Cell, unranked: bool = False) -> Iterator[str]:
    """The best contender, and the others by their ratios to it. `unranked`: other services are shown too."""
    others = [s for s in point.standings if not s.best and s.cell in point.counted]
    behind = [s for s in others if s.verdict == "slower"]
    behind.sort(key=lambda s: (s.ratio.mean if s.ratio else 0) * (1 if point.open else -1))
    level = [s for s in others if s not in behind]
    word = "slower" if point.open else "behind"
    lead = ", but no significant lead" if level and not behind else ""
    yield f"{where} {_lead(point, best, alone=not others, unranked=unranked)}{lead}."
    yield _listing(f"Significantly {word}", [_ratio(s) for s in behind])
    yield _listing(f"Not significantly {word}", [_ratio(s, p99=False) for s in level])


def _each_server(where: str, point: Point, best: Cell, found: ByServer) -> Iterator[str]:
    """The ranking on each server program by itself, then the contenders that share theirs with no other."""
    place = f"{where.removesuffix(':')}, on"
    for name, group in found.groups.items():
        if group.best is None:
            yield f"{place} {name}: no valid figure."
        elif group.ceiling_bound:
            yield f"{place} {name}: {_at_maximum(group, group.best)}."
        else:
            yield from _ranking(f"{place} {name}:", group, group.best)
        place = "On"
    next_best = next((s for group in found.groups.values() for s in point.standings if s.cell is group.best), None)
    alone = [_alone(point, best, each, next_best) for each in found.alone]
    yield _listing("Alone on a server, so that a difference may be due to the server", alone)


def _alone(point: Point, best: Cell, standing: Standing, next_best: Standing | None) -> str:
    """`FastAPI on asyncio (uvicorn) at 0.82x Flask on granian (95 % CI 0.78–0.86, p99 190 ms)`.

    If it is the best of all, `next_best`, the best of those on the same server, is compared with it.
    """
    cell, ratio = standing.cell, standing.ratio
    title = f"{cell.target.title} ({program(cell.target)})"
    if cell is best:
        other = ""
        if next_best and next_best.ratio:
            other = f", against which {next_best.cell.target.title} is at {_with_confidence(next_best.ratio)}"
        return f"{title} with {_rank(point)} of all, {_figure(point, cell)}{other}"
    if ratio is None:
        return f"{title} (no repeat in common with {best.target.title})"
    return f"{title} at {times(ratio)} {best.target.title}{in_brackets(confidence(ratio), *_known_p99(cell))}"


def _listing(title: str, parts: list[str]) -> str:
    """`Not counted: Flask on threads and Django on gevent.`, or "" without parts."""
    return f"{title}: {listed(parts)}." if parts else ""


def _ratio(standing: Standing, p99: bool = True) -> str:
    """`Flask on threads at 0.50x (95 % CI 0.45–0.55, p99 250 ms)`, by its ratio to the best."""
    title, ratio = standing.cell.target.title, standing.ratio
    if ratio is None:
        return f"{title} (no repeat in common)"
    return f"{title} at {times(ratio)}{in_brackets(confidence(ratio), *(_known_p99(standing.cell) if p99 else []))}"


_KINDS = {"reference": "For reference", "trap": "A trap", "instrument": "An instrument"}
"""The kinds that are not ranked."""


def _at_maximum(point: Point, best: Cell) -> str:
    """`all contenders reach the theoretical maximum (1,000/s = users / wait), so they are not ranked`."""
    ceiling = best.ceiling
    limit = f" ({ceiling.rps:,.0f}/s = {LIMITS[ceiling.limit]})" if ceiling else ""
    known = [cell for cell in point.cells if cell.valid and cell.percentile_ms("p99") is not None]
    p99 = "; p99 is " + ", ".join(f"{_p99(cell)} for {cell.target.title}" for cell in known) if known else ""
    return f"{_all(point.cells)} reach the theoretical maximum{limit}, so they are not ranked{p99}"


LIMITS = {
    "users": "users / wait",
    "rate": "the offered rate",
    "in_flight": "threads or greenlets / wait",
    "db_pool": "database connections / query time",
    "upstream_connections": "connections to the remote API / wait",
    "upstream_threads": "threads for remote calls / wait",
}
"""The limit that sets a theoretical maximum, in words."""


def _lead(point: Point, best: Cell, alone: bool, unranked: bool) -> str:
    """The best contender and its figure. `alone`: there is no other contender. `unranked`: other services are shown."""
    figure = _figure(point, best)
    if alone:
        return f"{best.target.title} has {f'a {point.percentile} of ' if point.open else ''}{figure}"
    return f"{best.target.title} has {_rank(point)}{' of the contenders' if unranked else ''}, {figure}"


def _rank(point: Point) -> str:
    return f"the lowest {point.percentile}" if point.open else "the highest throughput"


def _figure(point: Point, cell: Cell) -> str:
    """`1,774 good responses/s (p99 458 ms)`, or `458 ms` in an open loop."""
    p99 = in_brackets(*_known_p99(cell))
    if point.open:
        return f"{ms(cell.percentile_ms(point.percentile))} ms{'' if point.percentile == 'p99' else p99}"
    return f"{cell.goodput.mean:,.0f} good responses/s{p99}"


def _all(cells: list[Cell]) -> str:
    return "all contenders" if all(cell.valid for cell in cells) else "all valid contenders"


def _invalid(point: Point) -> list[str]:
    return [cell.target.title for cell in point.cells if not cell.valid]


def _not_counted(point: Point) -> str:
    return f"; not counted: {listed(_invalid(point))}" if _invalid(point) else ""


def _below(section: Section) -> str:
    """The lower loads at which all contenders reach the theoretical maximum."""
    bound = [point for point in section.points[:-1] if point.ceiling_bound]
    if not bound:
        return ""
    loads = listed([*(f"{point.load:g}" for point in bound[:-1]), bound[-1].load_words])
    every = _all([cell for point in section.points for cell in point.cells])
    return f"At {loads} {every} reach the theoretical maximum, so they are not ranked."


def _cost(point: Point) -> str:
    """The range of CPU cost, if it is wider than the noise of its trials."""
    cost = point.cost
    if cost is None or not cost.differs or cost.ratio is None:
        return ""
    least, most = (f"{cell.cpu_s_per_1k:.2f} s for {cell.target.title}" for cell in (cost.cheapest, cost.dearest))
    factor = f"{times(cost.ratio)} as much{in_brackets(confidence(cost.ratio))}"
    return f"CPU time per 1,000 responses ranges from {least} to {most}, {factor}."


def _with_confidence(ratio: Interval) -> str:
    return times(ratio) + in_brackets(confidence(ratio))


def _p99(cell: Cell) -> str:
    p99 = cell.percentile_ms("p99")
    return f"{p99:,.0f} ms" if p99 is not None else "unknown"


def _known_p99(cell: Cell) -> list[str]:
    """`p99 120 ms`; empty if the p99 is unknown."""
    return [f"p99 {_p99(cell)}"] if cell.percentile_ms("p99") is not None else []


def standing_word(point: Point, cell: Cell) -> str:
    """How a cell compares with the best of its load point, in a few words."""
    if not cell.valid:
        return cell.not_counted
    best, unit = (f"lowest {point.percentile}", f"best {point.percentile}") if point.open else ("highest", "best")
    if cell not in point.counted:
        return _unranked(point, cell, unit)
    if point.ceiling_bound:
        return "at maximum, not ranked"
    standing = next(s for s in point.standings if s.cell is cell)
    ranked = [s for s in point.standings if s.cell in point.counted]
    if standing.best and not any(s.verdict == "slower" for s in ranked):
        return f"{best}, not significant" if any(s.verdict for s in ranked) else "only valid contender"
    at_maximum = ", at maximum" if cell.ceiling_bound else ""
    return _against_best(standing, best, unit) + at_maximum


def _unranked(point: Point, cell: Cell, unit: str) -> str:
    """The kind of a cell that is not ranked, and its ratio to the best contender."""
    ratio = next(s for s in point.standings if s.cell is cell).ratio
    return f"{cell.target.kind}: {times(ratio)} {unit}" if ratio else cell.target.kind


def _against_best(standing: Standing, best: str, unit: str) -> str:
    if standing.best:
        return best
    if standing.ratio is None:
        return standing.verdict or "no good responses"
    figure = f"{times(standing.ratio)} {unit}"
    return {"slower": figure, "tie": "tie", "faster": best}.get(standing.verdict or "", f"inconclusive ({figure})")
