"""The limits of the load generator on this machine, from a run of the plan `calibrate` against the null service."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from waitbench.analysis.cells import Cell
from waitbench.analysis.comparison import Comparison
from waitbench.analysis.knee.found import Knee
from waitbench.plan.plan import Plan


@dataclass(frozen=True)
class Need:
    """The highest load of a plan: users of a closed loop, and requests per second of an open loop."""

    plan: str
    users: int
    rate: float


@dataclass(frozen=True)
class Calibration:
    """The limits of one core of this machine: rates in requests per second, times in milliseconds."""

    reliable_rate: float | None
    """The highest open rate at which every trial was valid and p99 was within `objective_ms`; None if no rate was."""
    objective_ms: float
    limit: str
    """The reason why the search for that rate ended, as a noun phrase."""
    in_flight: int
    """The most requests in flight with no request lost and every trial valid."""
    closed_rate: float | None
    """The rate of 20 users who do not wait. The generator's core is full then, so these trials give no other figure."""
    floor_p50_ms: float | None
    """The shortest latency that can be measured: one user of a service that does nothing."""
    floor_p99_ms: float | None
    lag_p99_ms: float
    """The worst lag of the generator's loop in a valid trial."""
    dispatch_delay_p99_ms: float | None
    """How late requests were sent at `reliable_rate`."""
    rss_mib: float
    """The generator's memory with the most requests in flight."""
    needs: list[Need]

    @property
    def too_much(self) -> list[Need]:
        """The plans that need more than the generator can do reliably on this machine."""
        rate = self.reliable_rate or 0.0
        return [need for need in self.needs if need.users > self.in_flight or need.rate > rate]

    @property
    def enough(self) -> bool:
        return self.reliable_rate is not None and self.in_flight > 0 and not self.too_much

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "enough": self.enough, "too_much": [need.plan for need in self.too_much]}


def need(name: str, plan: Plan) -> Need:
    """The need of one plan. The overload of a burst counts as a rate."""
    points = [point for _, point in plan.load_points]
    users, rate = (
        max((point.load for point in points if point.conditions.load_model == model), default=0)
        for model in ("closed", "open")
    )
    return Need(name, int(users), float(rate))


def calibration(comparison: Comparison, needs: Iterable[Need]) -> Calibration:
    """The limits that a run of the plan `calibrate` shows. Raises IndexError for a run of another plan."""
    search = comparison.knees[0]
    knee = search.knees[0]
    counted = [c for c in comparison.cells if c.valid and not c.errors and len(c.trials) == c.planned]
    alone = _without_wait([cell for cell in comparison.cells if _shows_floor(cell)], 1)
    twenty = _without_wait(comparison.cells, 20)
    waiting = max((c for c in counted if c.spec.workload == "wait"), key=lambda cell: cell.load, default=None)
    rate = _reliable_rate(knee)
    delays = [t.arrivals.delay_p99_us for t in knee.trials if t.arrivals and t.spec.load == rate]
    return Calibration(
        reliable_rate=rate,
        objective_ms=search.objective_ms,
        limit=knee.limit or "the service or the machine",
        in_flight=int(waiting.load) if waiting else 0,
        closed_rate=twenty.goodput.mean if twenty else None,
        floor_p50_ms=alone.percentile_ms("p50") if alone else None,
        floor_p99_ms=alone.percentile_ms("p99") if alone else None,
        lag_p99_ms=max((t.generator.lag_p99_ms for cell in counted for t in cell.trials), default=0.0),
        dispatch_delay_p99_ms=max((delay / 1000 for delay in delays if delay is not None), default=None),
        rss_mib=max((t.generator.rss_bytes for t in waiting.trials), default=0) / 2**20 if waiting else 0.0,
        needs=list(needs),
    )


def _reliable_rate(knee: Knee) -> float | None:
    """The highest rate whose trials were all valid and met the objective.

    The search for a service's knee repeats trials in which the generator was late; here such a trial rules a rate out.
    """
    sure = (r for r, c in knee.tried.rates.items() if c.met and not c.missed and not c.void and r <= (knee.low or 0.0))
    return max(sure, default=None)


def _shows_floor(cell: Cell) -> bool:
    """Whether a cell is valid apart from Little's law.

    The generator's work between two requests is long compared with ten microseconds, and not part of their latency.
    """
    return set(cell.invalid_codes) <= {"littles-law"}


def _without_wait(cells: list[Cell], users: int) -> Cell | None:
    """The cell of users who do not wait."""
    return next((cell for cell in cells if cell.spec.workload == "fast" and cell.load == users), None)


def summary_lines(found: Calibration) -> list[str]:
    """The lines that `waitbench calibrate` prints."""
    lines = [
        _rate(found),
        f"in flight: up to {found.in_flight:,} concurrent requests, none lost, {found.rss_mib:,.0f} MiB of memory",
    ]
    if found.closed_rate is not None:
        lines.append(f"closed loop: {found.closed_rate:,.0f} requests/s with 20 users")
    if found.floor_p50_ms is not None and found.floor_p99_ms is not None:
        lines.append(f"latency floor: p50 {found.floor_p50_ms:.2f} ms, p99 {found.floor_p99_ms:.2f} ms for one user")
    lines.append(f"loop lag: at most {found.lag_p99_ms:.1f} ms (p99) in a valid trial")
    if found.too_much:
        names = ", ".join(f"{need.plan} ({need.users:,} users, {need.rate:,.0f}/s)" for need in found.too_much)
        lines.append(f"not enough for: {names}. Lower their loads or give the load generator a quieter core")
    elif not found.enough:
        lines.append("not enough for any plan. Give the load generator a quieter core and try again")
    else:
        lines.append(f"enough for all plans: {', '.join(need.plan for need in found.needs)}")
    return lines


def _rate(found: Calibration) -> str:
    if found.reliable_rate is None:
        return f"open loop: no rate was reliable (every trial valid, p99 within {found.objective_ms:g} ms)"
    return (
        f"open loop: reliable up to {found.reliable_rate:,.0f} requests/s (every trial valid, p99 within "
        f"{found.objective_ms:g} ms; above it, {found.limit} was the limit){_late(found)}"
    )


def _late(found: Calibration) -> str:
    late = found.dispatch_delay_p99_ms
    return f", dispatch delay at most {late:.1f} ms (p99)" if late is not None else ""
