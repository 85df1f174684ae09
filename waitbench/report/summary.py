"""The first lines of a report: the result of each workload, and how certain these results are."""

import math

from waitbench.analysis.cells import Cell
from waitbench.analysis.claims import Verdict
from waitbench.analysis.comparison import Comparison
from waitbench.analysis.knee.found import Knee, KneeSection
from waitbench.analysis.points import Point, Section, Standing
from waitbench.analysis.scenarios.bursts import Burst, BurstSection
from waitbench.analysis.scenarios.mixed import MixedPoint, MixedSection, Pair
from waitbench.analysis.scenarios.remote_calls import Gathering
from waitbench.analysis.statistics import PRACTICAL, Interval, differs
from waitbench.records.words import counted, listed
from waitbench.report.factor_summary import factors_answer
from waitbench.report.words import confidence, in_brackets, times


def answers(comparison: Comparison) -> list[str]:
    """One line for each claim, then those of `section_answers`."""
    return [*map(claim_answer, comparison.claims), *section_answers(comparison)]


def claim_answer(verdict: Verdict) -> str:
    return f"{verdict.judgement}: {verdict.claim.says}"


def section_answers(comparison: Comparison) -> list[str]:
    """One line for each section in reading order, and for each result that combines several cells or sections."""
    split = [found for section in comparison.sections if (found := comparison.factors_of(section))]
    return [
        *map(answer, comparison.sections),
        *map(factors_answer, split),
        *map(gathering_answer, comparison.gatherings),
        *map(mixed_answer, comparison.mixed),
        *map(burst_answer, comparison.bursts),
        *map(knee_answer, comparison.knees),
    ]


def certainty(comparison: Comparison) -> list[str]:
    """Sentences on how certain the results are; none if nothing is compared."""
    chance = comparison.chance
    if not chance.comparisons:
        return []
    lines = [
        "CI is the confidence interval over the repeats.",
        f"A difference is significant only if the CI excludes 1 and the difference is at least {PRACTICAL * 100:g} %.",
    ]
    if any(point.ranked for section in comparison.sections for point in section.points):
        lines.append("Each contender is compared only with the best contender at its load.")
    tested = counted(chance.comparisons, "comparison", "comparisons")
    calls = dict.fromkeys(f"{calls:.2g}" for calls in (chance.least, chance.most))
    lines.append(
        f"Not corrected for multiple comparisons: if all contenders were equal, expect about {' to '.join(calls)} "
        f"false positives among {tested}."
    )
    if len(calls) > 1:
        lines.append("It is a range because the same figures also chose the best and the cheapest contender.")
    return [*lines, "Trust differences that repeat in another run."]


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


def gathering_answer(gathering: Gathering) -> str:
    """The gain of concurrent remote calls."""
    parts = [
        f"{each.at_once.target.title} p50 from {_ms(each.serial.percentile_ms('p50'))} to "
        f"{_ms(each.at_once.percentile_ms('p50'))} ms{_gain(ratio)}"
        for each in gathering.contenders
        if (ratio := each.ratio)
    ]
    lost = [each.at_once.target.title for each in gathering.contenders if each.ratio is None]
    parts += [f"not counted: {listed(lost)}"] if lost else []
    where = f"{gathering.at_once.title}, {gathering.load_words}"
    return f"{where}, concurrent remote calls instead of one after the other: {'; '.join(parts)}."


def _gain(ratio: Interval) -> str:
    significant = differs(ratio)
    return in_brackets(times(ratio), confidence(ratio)) if significant else ", not significant"


def mixed_answer(section: MixedSection) -> str:
    """The effect of slow neighbours on the fast path at the highest rate."""
    point = section.top
    known = [(pair, ratio) for pair in point.pairs if (ratio := point.ratio(pair))]
    known.sort(key=lambda each: -each[1].mean)
    differ = [(pair, ratio) for pair, ratio in known if point.verdict(pair) in ("slower", "faster")]
    alike = [
        f"{pair.first.target.title} ({_from_to(point, pair)})" for pair, ratio in known if (pair, ratio) not in differ
    ]
    parts = [
        f"the fast path of {pair.first.target.title} takes {times(ratio)} as long as alone"
        f"{in_brackets(confidence(ratio), _from_to(point, pair))}"
        for pair, ratio in differ
    ]
    parts += [f"no significant difference for {listed(alike)}"] if alike else []
    lost = [pair.first.target.title for pair in point.pairs if not pair.valid]
    parts += [f"not counted: {listed(lost)}"] if lost else []
    return f"{section.title}, {point.load_words}: {'; '.join(parts) or 'nothing to compare'}."


def _from_to(point: MixedPoint, pair: Pair) -> str:
    """`p99 12 to 37 ms`."""
    alone, loaded = (cell.percentile_ms(point.percentile) if cell else None for cell in (pair.alone, pair.beside))
    return f"{point.percentile} {_ms(alone)} to {_ms(loaded)} ms"


def burst_answer(section: BurstSection) -> str:
    """How soon each contender recovers from an overload, and its goodput during it."""
    valid = [burst for burst in section.bursts if burst.cell.valid]
    valid.sort(key=lambda burst: burst.recovery.mean if burst.recovery else math.inf)
    parts = [f"{burst.cell.target.title} {_recovers(section, burst)}" for burst in valid]
    lost = [burst.cell.target.title for burst in section.bursts if not burst.cell.valid]
    parts += [f"not counted: {listed(lost)}"] if lost else []
    resolution = f" Recovery times have a resolution of {valid[0].resolution_s:g} s." if valid else ""
    return f"{section.title}: {'; '.join(parts)}.{resolution}"


def _recovers(section: BurstSection, burst: Burst) -> str:
    rate = f", with {burst.overload_rps:,.0f} good responses/s during it" if burst.overload_rps is not None else ""
    if burst.recovery is None:
        trials = len(burst.recoveries)
        some = f" in {burst.unrecovered} of {trials} trials" if burst.unrecovered < trials else ""
        return f"does not recover within {section.after.length_s:g} s of the overload{some}{rate}"
    if not burst.recovery.mean:
        return f"recovers immediately after the overload{rate}"
    return f"recovers {burst.recovery.mean:.2f} s{in_brackets(confidence(burst.recovery))} after the overload{rate}"


def knee_answer(section: KneeSection) -> str:
    """The highest rate that each contender sustains within the objective."""
    known = sorted((knee for knee in section.knees if knee.low is not None), key=lambda knee: -(knee.low or 0))
    if not known:
        return f"{section.title}: no contender has a confirmed rate."
    most, *others = known
    parts = [f"{most.target.title} sustains {'the highest rate, ' if others else ''}{_rates(most)}"]
    parts += [
        f"{knee.target.title} {_rates(knee)}"
        + ("" if section.verdict(knee) == "slower" else f", not distinguishable from {most.target.title}")
        for knee in others
    ]
    unknown = [knee.target.title for knee in section.knees if knee.low is None]
    parts += [f"unknown for {listed(unknown)}"] if unknown else []
    return f"{section.title}: {'; '.join(parts)}."


def _rates(knee: Knee) -> str:
    return f"{knee.low:,.0f} to {knee.high:,.0f}/s" if knee.high is not None else f"{knee.low:,.0f}/s or more"


def _top(section: Section) -> str:
    point = section.top
    where = f"{section.title}, {point.load_words}:"
    if point.best is None:
        return f"{where} no valid figure."
    if point.ceiling_bound:
        return f"{where} {_at_maximum(point, point.best)}{_not_counted(point)}."
    others = [s for s in point.standings if not s.best and s.cell in point.counted]
    equal = [s for s in others if s.verdict in ("tie", "inconclusive")]
    behind = [s for s in others if s.verdict == "slower"]
    behind.sort(key=lambda s: (s.ratio.mean if s.ratio else 0) * (1 if point.open else -1))
    unranked = [s for s in point.standings if s.cell.valid and s.cell not in point.counted]
    parts = [_lead(point, point.best, alone=not others, unranked=bool(unranked))]
    if equal:
        parts.append(f"its lead {listed([_over(s) for s in equal])} is not significant")
    parts += [f"{s.cell.target.title} {_compared(point, s)}" for s in behind]
    parts += [f"{_KINDS[s.cell.target.kind]} {s.cell.target.title} {_compared(point, s)}" for s in unranked]
    return f"{where} {'; '.join(parts)}{_not_counted(point)}."


_KINDS = {"reference": "for reference,", "trap": "the trap", "instrument": "the instrument"}


def _at_maximum(point: Point, best: Cell) -> str:
    """`all contenders reach the theoretical maximum (1,000/s = users / wait), so they are not ranked`."""
    ceiling = best.ceiling
    limit = f" ({ceiling.rps:,.0f}/s = {LIMITS[ceiling.limit]})" if ceiling else ""
    known = [cell for cell in point.cells if cell.valid and cell.percentile_ms("p99") is not None]
    p99 = "; p99 is " + ", ".join(f"{_p99(cell)} for {cell.target.title}" for cell in known) if known else ""
    return f"{_all(point.cells)} reach the theoretical maximum{limit}, so they are not ranked{p99}"


def _lead(point: Point, best: Cell, alone: bool, unranked: bool) -> str:
    """The best contender and its figure. `alone`: there is no other contender. `unranked`: other services are shown."""
    p99 = in_brackets(*_known_p99(best))
    if point.open:
        figure = f"{_ms(best.percentile_ms(point.percentile))} ms{'' if point.percentile == 'p99' else p99}"
        only, rank = f"a {point.percentile} of {figure}", f"the lowest {point.percentile}"
    else:
        figure = f"{best.goodput.mean:,.0f} good responses/s{p99}"
        only, rank = figure, "the highest throughput"
    among = " of the contenders" if unranked else ""
    return f"{best.target.title} has {only}" if alone else f"{best.target.title} has {rank}{among}, {figure}"


def _over(standing: Standing) -> str:
    """`over Flask on threads (0.98x, 95 % CI 0.95–1.02)`."""
    ratio = standing.ratio
    figures = in_brackets(times(ratio), confidence(ratio)) if ratio else " (no repeat in common)"
    return f"over {standing.cell.target.title}{figures}"


def _compared(point: Point, standing: Standing) -> str:
    """`reaches 0.50x of the best (95 % CI 0.45–0.55, p99 250 ms)`."""
    ratio = standing.ratio
    if ratio is None:
        return "has no repeat in common with the best"
    compared = f"takes {times(ratio)} as long as the best" if point.open else f"reaches {times(ratio)} of the best"
    return compared + in_brackets(confidence(ratio), *_known_p99(standing.cell))


def _all(cells: list[Cell]) -> str:
    return "all contenders" if all(cell.valid for cell in cells) else "all valid contenders"


def _not_counted(point: Point) -> str:
    titles = [cell.target.title for cell in point.cells if not cell.valid]
    return f"; not counted: {', '.join(titles)}" if titles else ""


def _below(section: Section) -> str:
    """The lower loads at which all contenders reach the theoretical maximum."""
    bound = [f"{point.load:g}" for point in section.points[:-1] if point.ceiling_bound]
    if not bound:
        return ""
    every = _all([cell for point in section.points for cell in point.cells])
    return f"At {listed(bound)} users {every} reach the theoretical maximum, so they are not ranked."


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


def _ms(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:,.1f}" if value < 10 else f"{value:,.0f}"


def _p99(cell: Cell) -> str:
    p99 = cell.percentile_ms("p99")
    return f"{p99:,.0f} ms" if p99 is not None else "unknown"


def _known_p99(cell: Cell) -> list[str]:
    """`p99 120 ms`; empty if the p99 is unknown."""
    return [f"p99 {_p99(cell)}"] if cell.percentile_ms("p99") is not None else []


LIMITS = {
    "users": "users / wait",
    "rate": "the offered rate",
    "in_flight": "threads or greenlets / wait",
    "db_pool": "database connections / query time",
    "upstream_connections": "connections to the remote API / wait",
    "upstream_threads": "threads for remote calls / wait",
}
"""The limit that sets a theoretical maximum, in words."""
