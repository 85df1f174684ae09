"""Reads a calibration: the CPU time, the latency and the memory of a variant below its limits."""

from collections.abc import Iterable
from dataclasses import replace

from waitbench.analysis.cells import Cell
from waitbench.analysis.sizing.recommendation import Measured
from waitbench.errors import WaitbenchError
from waitbench.records import histogram
from waitbench.validity.reason import Reason
from waitbench.validity.rules import invalidating_codes, reasons

QUANTILES = 200
"""How many latencies represent all of them in the simulation."""
UNDISTURBED = 50
"""The share of requests, in percent, whose latencies are used if other programs disturbed every trial."""
FATAL = {"accounts", "budget", "errors", "gil", "no-requests", "overlap", "over-ceiling"}
"""Reasons for which the figures are not those of the service."""


def measured(cell: Cell) -> Measured:
    """The figures of a calibration. Raises WaitbenchError if it has none.

    Only valid trials give latencies. If none is valid, the faster half of all requests gives them, with a caveat.
    """
    invalid = [reason for reason in cell.reasons if reason.weight == "invalid"]
    if fatal := next((reason for reason in invalid if reason.code in FATAL), None):
        raise WaitbenchError(
            f"{cell.target.title}: the calibration does not count: {fatal.text}. {_advice(fatal.advice)}"
        )
    cpu_s = (cell.cpu_s_per_1k or 0.0) / 1000
    before = [trial.usage.before.rss_bytes for trial in cell.trials if trial.usage.before]
    after = [trial.usage.after for trial in cell.trials if trial.usage.after]
    if cpu_s <= 0 or not before or not after:
        raise WaitbenchError(f"{cell.target.title}: the calibration gave no figure for CPU or memory. Run again")
    peak = max(after, key=lambda reading: reading.peak_rss_bytes)
    growth = max(0.0, peak.peak_rss_bytes - min(before)) / max(1.0, peak.peak_in_flight)
    kib = cell.kib_per_request
    trials = [trial for trial in cell.trials if not invalidating_codes(reasons(trial, cell.target))]
    valid = replace(cell, trials=trials) if trials else cell
    highest = 100 if trials else UNDISTURBED
    quantiles = [highest * (number + 0.5) / QUANTILES for number in range(QUANTILES)]
    latencies = [us / 1e6 for us in histogram.percentiles_us(valid.histogram, quantiles)]
    return Measured(
        cpu_s=cpu_s,
        latencies_s=latencies,
        idle_mib=min(before) / 2**20,
        mib_per_request=kib / 1024 if kib is not None else growth / 2**20,
        rate=cell.load,
        caveats=tuple(f"calibration: {reason.text}" for reason in _worst(invalid)),
    )


def _worst(found: Iterable[Reason]) -> list[Reason]:
    """Return one reason of each code, the last."""
    return list({reason.code: reason for reason in found}.values())


def _advice(text: str) -> str:
    return text[:1].upper() + text[1:]
