"""The results of concurrent remote calls, mixed loads and bursts: their lines at the top, and the words in tables."""

import math

from waitbench.analysis.cells import Cell
from waitbench.analysis.scenarios.bursts import Burst, BurstSection
from waitbench.analysis.scenarios.mixed import MixedPoint, MixedSection, Pair
from waitbench.analysis.scenarios.remote_calls import RemoteCallGain
from waitbench.analysis.statistics import Interval, differs
from waitbench.records.words import listed
from waitbench.report.figures import interval
from waitbench.report.words.phrases import confidence, in_brackets, ms, times


def remote_calls_answer(gain: RemoteCallGain) -> str:
    """The gain of concurrent remote calls."""
    parts = [
        f"{each.concurrent.target.title} p50 from {ms(each.serial.percentile_ms('p50'))} to "
        f"{ms(each.concurrent.percentile_ms('p50'))} ms{_gain(ratio)}"
        for each in gain.contenders
        if (ratio := each.ratio)
    ]
    lost = [each.concurrent.target.title for each in gain.contenders if each.ratio is None]
    parts += [f"not counted: {listed(lost)}"] if lost else []
    where = f"{gain.concurrent.title}, {gain.load_words}"
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
    return f"{point.percentile} {ms(alone)} to {ms(loaded)} ms"


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


def burst_word(section: BurstSection, burst: Burst) -> str:
    """Whether a contender recovered, in a few words."""
    if not burst.cell.valid:
        return burst.cell.not_counted
    if not burst.unrecovered:
        return "recovered" if burst.recovery and burst.recovery.mean else "recovered immediately"
    trials = len(burst.cell.trials)
    some = f" in {burst.unrecovered} of {trials} trials" if burst.unrecovered < trials else ""
    return f"did not recover within {section.after.length_s:g} s{some}"
