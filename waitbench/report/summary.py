"""The answer for one workload, in a sentence or two that the figures carry."""

import math

from waitbench.analysis.cells import Cell
from waitbench.analysis.claims import Verdict
from waitbench.analysis.comparison import Comparison
from waitbench.analysis.knee.found import Knee, KneeSection
from waitbench.analysis.points import Point, Section, Standing
from waitbench.analysis.scenarios.bursts import Burst, BurstSection
from waitbench.analysis.scenarios.mixed import MixedPoint, MixedSection, Pair
from waitbench.analysis.scenarios.remote_calls import Gathering
from waitbench.analysis.statistics import Interval, verdict
from waitbench.records.words import listed
from waitbench.report.factor_summary import factors_answer
from waitbench.report.words import with_bounds


def answers(comparison: Comparison) -> list[str]:
    """One for each claim, then one for each section, in reading order, and for what two of them tell together."""
    return [*map(claim_answer, comparison.claims), *section_answers(comparison)]


def claim_answer(verdict: Verdict) -> str:
    return f"{verdict.judgement}: {verdict.claim.says}"


def section_answers(comparison: Comparison) -> list[str]:
    """With what is the framework's and what the model's, where that can be told."""
    split = [found for section in comparison.sections if (found := comparison.factors_of(section))]
    return [
        *map(answer, comparison.sections),
        *map(factors_answer, split),
        *map(gathering_answer, comparison.gatherings),
        *map(mixed_answer, comparison.mixed),
        *map(burst_answer, comparison.bursts),
        *map(knee_answer, comparison.knees),
    ]


def answer(section: Section) -> str:
    """What happened at the highest load, and what the lower ones can't tell."""
    if section.twins:
        return _noise(section)
    return " ".join(part for part in (_top(section), _below(section), _cost(section.top)) if part)


def _noise(section: Section) -> str:
    """A contender against itself: what this machine and minute do by themselves."""
    told = []
    for point in section.points:
        ratios = [_figure(s.ratio) for s in point.standings if s.ratio is not None]
        called = any(standing.verdict == "slower" for standing in point.standings)
        known = f"{listed(ratios)}{', which is called a difference' if called else ''}" if ratios else "not known"
        told.append(f"{point.load_words} {known}{_struck(point)}")
    what = section.top.percentile if section.top.open else "good answers"
    title = section.top.cells[0].target.title.partition(" (no. ")[0]
    return f"{section.title}: the noise floor, {title} against itself by {what}: {'; '.join(told)}."


def gathering_answer(gathering: Gathering) -> str:
    """What it buys to send calls all at once."""
    told = [
        f"{each.at_once.target.title} p50 from {_ms(each.serial.percentile_ms('p50'))} to "
        f"{_ms(each.at_once.percentile_ms('p50'))} ms, {_quicker(ratio)}"
        for each in gathering.contenders
        if (ratio := each.ratio)
    ]
    lost = [each.at_once.target.title for each in gathering.contenders if each.ratio is None]
    told += [f"not counted: {listed(lost)}"] if lost else []
    where = f"{gathering.at_once.title}, {gathering.load_words}"
    return f"{where}, calls at once instead of one after the other: {'; '.join(told)}."


def _quicker(ratio: Interval) -> str:
    called = verdict(ratio) in ("slower", "faster")
    return f"{_figure(ratio)} of it" if called else "no difference that holds"


def mixed_answer(section: MixedSection) -> str:
    """What slow neighbours do to the fast path at the highest rate."""
    point = section.top
    known = [(pair, ratio) for pair in point.pairs if (ratio := point.ratio(pair))]
    known.sort(key=lambda each: -each[1].mean)
    differ = [(pair, ratio) for pair, ratio in known if point.verdict(pair) in ("slower", "faster")]
    alike = [
        f"{pair.first.target.title} ({_from_to(point, pair)})" for pair, ratio in known if (pair, ratio) not in differ
    ]
    told = [
        f"the fast path of {pair.first.target.title} takes {_figure(ratio)} times as long ({_from_to(point, pair)})"
        for pair, ratio in differ
    ]
    told += [f"no difference that holds for {listed(alike)}"] if alike else []
    lost = [pair.first.target.title for pair in point.pairs if not pair.valid]
    told += [f"not counted: {listed(lost)}"] if lost else []
    return f"{section.title}, {point.load_words}: {'; '.join(told) or 'nothing to compare'}."


def _from_to(point: MixedPoint, pair: Pair) -> str:
    """`p99 12 to 37 ms`."""
    alone, beside = (cell.percentile_ms(point.percentile) if cell else None for cell in (pair.alone, pair.beside))
    return f"{point.percentile} {_ms(alone)} to {_ms(beside)} ms"


def burst_answer(section: BurstSection) -> str:
    """Who recovers from an overload, how soon, and what each still answered in it."""
    counted = [burst for burst in section.bursts if burst.cell.valid]
    counted.sort(key=lambda burst: burst.recovery.mean if burst.recovery else math.inf)
    told = [f"{burst.cell.target.title} {_recovers(section, burst)}" for burst in counted]
    lost = [burst.cell.target.title for burst in section.bursts if not burst.cell.valid]
    told += [f"not counted: {listed(lost)}"] if lost else []
    to = f" Times are told to {counted[0].resolution_s:g} s." if counted else ""
    return f"{section.title}: {'; '.join(told)}.{to}"


def _recovers(section: BurstSection, burst: Burst) -> str:
    rate = f", answering {burst.overload_rps:,.0f}/s in it" if burst.overload_rps is not None else ""
    if burst.recovery is None:
        trials = len(burst.recoveries)
        some = f" in {burst.unrecovered} of {trials} trials" if burst.unrecovered < trials else ""
        return f"does not recover within {section.after.length_s:g} s of the overload{some}{rate}"
    when = f"{_figure(burst.recovery)} s after the overload" if burst.recovery.mean else "at once after the overload"
    return f"recovers {when}{rate}"


def knee_answer(section: KneeSection) -> str:
    """Who holds how many requests a second within the objective."""
    known = sorted((knee for knee in section.knees if knee.low is not None), key=lambda knee: -(knee.low or 0))
    if not known:
        return f"{section.title}: no rate is sure."
    most, *others = known
    told = [f"{most.target.title} holds {_rates(most)}"]
    told += [
        f"{knee.target.title} {_rates(knee)}"
        + ("" if section.verdict(knee) == "slower" else ", no difference that holds")
        for knee in others
    ]
    unsure = [knee.target.title for knee in section.knees if knee.low is None]
    told += [f"not sure for {listed(unsure)}"] if unsure else []
    return f"{section.title}: {'; '.join(told)}."


def _rates(knee: Knee) -> str:
    return f"{knee.low:,.0f} to {knee.high:,.0f}/s" if knee.high is not None else f"{knee.low:,.0f}/s or more"


def _top(section: Section) -> str:
    point = section.top
    where = f"{section.title}, {point.load_words}:"
    if point.best is None:
        return f"{where} no valid figure."
    if point.ceiling_bound:
        ceiling = point.best.ceiling
        limit = f" of {ceiling.rps:,.0f}/s set by {LIMITS[ceiling.limit]}" if ceiling else ""
        known = [c for c in point.cells if c.valid and c.percentile_ms("p99") is not None]
        spread = "; p99 " + ", ".join(f"{c.target.title} {_p99(c)}" for c in known) if known else ""
        return f"{where} {_all(point)} stand at the ceiling{limit}, a tie by arithmetic{spread}{_struck(point)}."
    best, others = point.best, [s for s in point.standings if not s.best and s.cell in point.counted]
    equal = [s for s in others if s.verdict in ("tie", "inconclusive")]
    behind = [s for s in others if s.verdict == "slower"]
    behind.sort(key=lambda s: (s.ratio.mean if s.ratio else 0) * (1 if point.open else -1))
    lead = f"{best.target.title} answers most, {best.goodput.mean:,.0f}/s{_at_p99(best)}"
    if point.open:
        lead = f"{best.target.title} is quickest by {point.percentile}{_at_p99(best)}"
    if equal and not behind:
        names = listed([best.target.title, *(s.cell.target.title for s in equal)])
        lead = f"no difference that holds between {names} ({_extreme(point, best)})"
    elif equal:
        word = listed([f"{s.cell.target.title} ({_ratio(s)})" for s in equal])
        lead += f"; no difference that holds from {word}"
    far = "takes {} times as long" if point.open else "reaches {} of that"
    aside = [s for s in point.standings if s.cell.valid and s.cell not in point.counted]
    tail = "".join(f"; {s.cell.target.title} {far.format(_ratio(s))}{_at_p99(s.cell)}" for s in behind)
    tail += "".join(f"; {_KINDS[s.cell.target.kind]} {s.cell.target.title} {far.format(_ratio(s))}" for s in aside)
    return f"{where} {lead}{tail}{_struck(point)}."


_KINDS = {"reference": "for reference,", "trap": "the trap", "instrument": "the instrument"}


def _all(point: Point) -> str:
    return "all" if all(cell.valid for cell in point.cells) else "all that count"


def _struck(point: Point) -> str:
    titles = [cell.target.title for cell in point.cells if not cell.valid]
    return f"; not counted: {', '.join(titles)}" if titles else ""


def _extreme(point: Point, best: Cell) -> str:
    return f"p99 {_p99(best)}" if point.open else f"{best.goodput.mean:,.0f}/s at most"


def _below(section: Section) -> str:
    bound = [f"{point.load:g}" for point in section.points[:-1] if point.ceiling_bound]
    if not bound:
        return ""
    every = "all" if all(cell.valid for point in section.points for cell in point.cells) else "all that count"
    return f"At {listed(bound)} users {every} stand at the ceiling, where there is nothing to rank."


def _cost(point: Point) -> str:
    """Told where it differs by more than the noise of its trials."""
    cost = point.cost
    if cost is None or not cost.differs:
        return ""
    least, most = (f"{cell.cpu_s_per_1k:.2f} s ({cell.target.title})" for cell in (cost.cheapest, cost.dearest))
    return f"CPU for 1,000 answers: from {least} to {most}, {_figure(cost.ratio)} times as much."


def _ratio(standing: Standing) -> str:
    return _figure(standing.ratio)


def _figure(ratio: Interval | None) -> str:
    if ratio is None:
        return "never in the same repeat"
    return with_bounds(ratio)


def _ms(value: float | None) -> str:
    if value is None:
        return "not known"
    return f"{value:,.1f}" if value < 10 else f"{value:,.0f}"


def _p99(cell: Cell) -> str:
    p99 = cell.percentile_ms("p99")
    return f"{p99:,.0f} ms" if p99 is not None else "not known"


def _at_p99(cell: Cell) -> str:
    return f" (p99 {_p99(cell)})" if cell.percentile_ms("p99") is not None else ""


LIMITS = {
    "users": "the users and the wait",
    "rate": "the rate offered",
    "in_flight": "its threads or greenlets",
    "db_pool": "the database pool",
    "upstream_connections": "the connections to the remote API",
    "upstream_threads": "the threads for remote calls",
}
"""What sets a ceiling, in words."""
