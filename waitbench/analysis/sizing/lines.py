"""The lines and the JSON that `waitbench size` prints."""

import math
from typing import Any

from waitbench.analysis.sizing.confirmation import Confirmation, is_confirmed
from waitbench.analysis.sizing.recommendation import (
    BLOCKED,
    MORE_LOAD,
    MORE_MEMORY,
    P99_SHARE,
    Recommendation,
    Size,
    blocked_share,
    predicted_p99_ms,
    slot_words,
)
from waitbench.analysis.statistics import Interval
from waitbench.records.words import counted

POSTGRES_CONNECTIONS = 97
"""PostgreSQL's default of 100 connections, without the three that it keeps for administrators."""
WIDTH = 18
MEASURED = ("measured", "one size smaller")
NEAR = 100
"""Limits that are this many times the rate away are not worth a place in the line."""


def percent(share: float, digits: int = 0) -> str:
    """`29 %`."""
    return f"{100 * share:.{digits}f} %"


_MORE = f"{percent(MORE_LOAD - 1)} more"


def arithmetic_lines(found: Recommendation) -> list[str]:
    """The recommendation, then the arithmetic behind it, then what would break first."""
    return [
        f"{found.variant.title} ({found.variant.name}): {size_words(found, found.size)}, "
        f"{found.memory_mib:,.0f} MiB of memory",
        *(_row(*row) for row in _rows(found)),
        *(_row("caveat", caveat) for caveat in found.measured.caveats),
    ]


def size_words(found: Recommendation, size: Size) -> str:
    """`1 process, 41 threads`."""
    words = slot_words(found.variant)
    each = " each" if size.workers > 1 else ""
    slots = f"a pool of {size.slots}{each}" if words == "pool" else f"{size.slots} {words}{each}"
    return f"{counted(size.workers, 'process', 'processes')}, {slots}"


def _rows(found: Recommendation) -> list[tuple[str, str]]:
    goal, measured = found.goal, found.measured
    rows = [
        ("calibration", f"at {measured.rate:g}/s: {measured.hold_s * 1000:.1f} ms in the system and "
                        f"{measured.cpu_s * 1000:.2f} ms of CPU for each request"),
        ("in flight", f"{goal.rate:g}/s x {measured.hold_s * 1000:.1f} ms = {found.in_flight:.1f} (Little's law)"),
        ("CPU", f"{goal.rate:g}/s x {measured.cpu_s * 1000:.2f} ms = {percent(found.cpu_share)} of a core, "
                f"in {counted(found.size.workers, 'process', 'processes')}"),
        (slot_words(found.variant), _slots(found)),
    ]  # fmt: skip
    if found.key == "in_flight":
        rows.append(("pool", f"{found.pool}, if the wait is a database query{_of_each(found)}{_postgres(found)}"))
    else:
        rows.append(("requests in flight", f"no limit is needed; {found.most_in_flight} is rarely exceeded"))
    rows += [
        ("memory", _memory(found)),
        ("breaks first", _limits(found)),
    ]
    if math.isfinite(found.full_after_s):
        rows.append(("at twice the rate", f"connections and backlog are full after {found.full_after_s:,.0f} s"))
    return rows


def _slots(found: Recommendation) -> str:
    slots = found.size.slots
    if found.variant.holds_connections:
        return (
            f"{slots}: an idle connection also takes a place. With {_MORE} load, {percent(BLOCKED, 1)} of requests may "
            "find none free (Erlang B), and health checks need one"
        )
    return (
        f"{slots}: p99 {found.predicted_ms:.0f} ms by simulation with {_MORE} load, within {percent(P99_SHARE)} of "
        f"{found.goal.p99_ms:g} ms{_postgres(found) if found.key == 'db_pool' else ''}"
    )


def _limits(found: Recommendation) -> str:
    near = [f"{limit.name} at {limit.rate:,.0f}/s" for limit in found.limits if limit.rate <= NEAR * found.goal.rate]
    far = [limit.name for limit in found.limits if limit.rate > NEAR * found.goal.rate]
    return ", then ".join(near) + (f"; {', '.join(far)} far beyond" if far else "")


def _of_each(found: Recommendation) -> str:
    return " (each process)" if found.size.workers > 1 else ""


def _postgres(found: Recommendation) -> str:
    total = found.pool * found.size.workers
    return f"; raise max_connections of PostgreSQL to {total + 3}" if total > POSTGRES_CONNECTIONS else ""


def _memory(found: Recommendation) -> str:
    measured, most = found.measured, found.most_in_flight
    idle = f"{measured.idle_mib:.0f} MiB" + (f" x {found.size.workers}" if found.size.workers > 1 else "")
    return (
        f"{idle} idle + {most} requests x {measured.mib_per_request * 1024:.0f} KiB, and {percent(MORE_MEMORY - 1)} "
        f"more = {found.memory_mib:,.0f} MiB"
    )


def confirmation_lines(found: Recommendation, measured: list[Confirmation], why_not: str = "") -> list[str]:
    """The measurement of the recommended configuration and the smaller one, then the verdict."""
    rows = [_row(name, _outcome(found, each)) for name, each in zip(MEASURED, measured, strict=False)]
    return [*rows, _row("verdict", why_not or _verdict(found, measured))]


def _outcome(found: Recommendation, each: Confirmation) -> str:
    valid = [one for one in each.judged if one.outcome != "void"]
    words = {"meets": "meets it", "misses": "misses it", "undecided": "trials disagree", "invalid": "not valid"}
    void = f"; not counted: {', '.join(each.why_void)}" if len(valid) < len(each.judged) else ""
    memory = f", {each.counted.peak_rss_mib:,.0f} MiB" if each.counted.peak_rss_mib else ""
    return (
        f"{size_words(found, each.size)}: p99 {_p99(each)} at {found.goal.rate:g}/s{memory}, {words[each.outcome]}; "
        f"{counted(len(valid), 'valid trial', 'valid trials')}{void}"
    )


def _p99(each: Confirmation) -> str:
    cell = each.counted
    interval = cell.percentile_interval("p99")
    if interval is None:
        alone = cell.percentile_ms("p99")
        return f"{alone:,.0f} ms" if alone is not None else "not shown (too few requests)"
    low, high = interval.ends
    return (
        f"{interval.mean:,.0f} ms (95 % CI {low:,.0f} to {high:,.0f})"
        if interval.bounded
        else f"{interval.mean:,.0f} ms"
    )


def _verdict(found: Recommendation, measured: list[Confirmation]) -> str:
    if is_confirmed(found, measured):
        return "confirmed: it meets the objective" + (", and one size smaller does not" if found.smaller else "")
    outcomes = [each.outcome for each in measured]
    if not outcomes:
        return "not confirmed: it was not measured. Run again, and let it end"
    if "invalid" in outcomes:
        return "not confirmed: too few valid trials. Run again on a quiet machine"
    if outcomes[0] == "misses":
        return "not confirmed: it misses the objective. Use more than recommended, or a larger --p99-ms"
    if "undecided" in outcomes:
        return "not confirmed: the trials disagree. Run again on a quiet machine"
    return f"not confirmed as the smallest: {size_words(found, measured[-1].size)} also meet the objective"


def too_large(found: Recommendation, cores: int) -> str:
    """The verdict on a configuration that this machine cannot measure."""
    return (
        f"not confirmed: it takes {found.size.workers} cores, one for each process, and this machine has "
        f"{counted(cores, 'core', 'cores')} for a service. Confirm it on a larger machine"
    )


def as_json(found: Recommendation, measured: list[Confirmation], why_not: str = "") -> dict[str, Any]:
    """Return the recommendation with its figures, by the names that the lines use."""
    goal, figures = found.goal, found.measured
    return {
        "variant": found.variant.name,
        "goal": {"rate": goal.rate, "wait_ms": goal.wait_ms, "p99_ms": goal.p99_ms},
        "recommended": {**_as_json(found, found.size), "pool": found.pool, "memory_mib": round(found.memory_mib, 1)},
        "calibration": {
            "rate": figures.rate,
            "ms_in_system": round(figures.hold_s * 1000, 3),
            "cpu_ms": round(figures.cpu_s * 1000, 4),
            "idle_mib": round(figures.idle_mib, 1),
            "kib_per_request": round(figures.mib_per_request * 1024, 1),
            "caveats": list(figures.caveats),
        },
        "in_flight": round(found.in_flight, 2),
        "cpu_cores": round(found.cpu_share, 4),
        "predicted_p99_ms": round(found.predicted_ms, 1),
        "limits": [{"name": limit.name, "rate": round(limit.rate, 1)} for limit in found.limits],
        "measured": [_measured(found, each) for each in measured],
        "confirmed": not why_not and is_confirmed(found, measured),
        "verdict": why_not or _verdict(found, measured),
    }


def _as_json(found: Recommendation, size: Size) -> dict[str, int]:
    return {"workers": size.workers, found.key: size.slots}


def _measured(found: Recommendation, each: Confirmation) -> dict[str, Any]:
    interval = each.counted.percentile_interval("p99") or Interval(each.counted.percentile_ms("p99") or 0.0, None, None)
    predicted = predicted_p99_ms(found, each.size)
    return {
        **_as_json(found, each.size),
        "outcome": each.outcome,
        "p99_ms": interval.mean or None,
        "p99_ms_low": interval.low,
        "p99_ms_high": interval.high,
        "predicted_p99_ms": round(predicted, 1) if math.isfinite(predicted) else None,
        "blocked_share": round(blocked_share(found, each.size), 5) if found.variant.holds_connections else None,
        "peak_rss_mib": each.counted.peak_rss_mib,
        "valid_trials": sum(one.outcome != "void" for one in each.judged),
        "not_counted": each.why_void if any(one.outcome == "void" for one in each.judged) else [],
    }


def _row(name: str, text: str) -> str:
    return f"  {name:<{WIDTH}} {text}"
