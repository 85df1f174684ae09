"""What the generator can do on this machine, from a run of the plan `calibrate` against the null service."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from waitbench.analysis.cells import Cell
from waitbench.analysis.comparison import Comparison
from waitbench.analysis.knee.found import Knee
from waitbench.plan.plan import Plan


@dataclass(frozen=True)
class Need:
    """What a plan asks of the generator at most."""

    plan: str
    users: int
    rate: float


@dataclass(frozen=True)
class Calibration:
    """Rates in requests per second, times in milliseconds, of one core of this machine."""

    honest_rate: float | None
    """The highest open rate at which every trial counted and p99 stayed within `objective_ms`; None: no rate did."""
    objective_ms: float
    limit: str
    """What ended the search for it."""
    in_flight: int
    """The most requests held at once with none lost and every trial valid."""
    closed_rate: float | None
    """Of 20 users who do not wait: its core is full then, so such a trial counts for nothing else."""
    floor_p50_ms: float | None
    """The least latency that can be told: of one user, the service doing nothing."""
    floor_p99_ms: float | None
    lag_p99_ms: float
    """How late the generator's loop ran, at worst in a trial that counts."""
    dispatch_delay_p99_ms: float | None
    """How late requests were sent at the honest rate."""
    rss_mib: float
    """The generator's memory with the most requests in flight."""
    needs: list[Need]

    @property
    def too_much(self) -> list[Need]:
        """Plans that ask for more than this machine's generator can honestly do."""
        rate = self.honest_rate or 0.0
        return [need for need in self.needs if need.users > self.in_flight or need.rate > rate]

    @property
    def enough(self) -> bool:
        return self.honest_rate is not None and self.in_flight > 0 and not self.too_much

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "enough": self.enough, "too_much": [need.plan for need in self.too_much]}


def need(name: str, plan: Plan) -> Need:
    """The most users, and the highest rate, that of a burst's overload included."""
    loads = [load for _, load in plan.load_points]
    users, rate = (max((load.size for load in loads if load.model == model), default=0) for model in ("closed", "open"))
    return Need(name, int(users), float(rate))


def calibration(comparison: Comparison, needs: Iterable[Need]) -> Calibration:
    """Raises IndexError where the run is not one of the plan `calibrate`."""
    search = comparison.knees[0]
    knee = search.knees[0]
    counted = [c for c in comparison.cells if c.valid and not c.errors and len(c.trials) == c.planned]
    alone, twenty = _of([cell for cell in comparison.cells if _tells_the_floor(cell)], 1), _of(comparison.cells, 20)
    waiting = max((c for c in counted if c.spec.workload == "wait"), key=lambda cell: cell.load, default=None)
    delays = [t.arrivals.delay_p99_us for t in knee.trials if t.arrivals and t.spec.load == _honest(knee)]
    return Calibration(
        honest_rate=_honest(knee),
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


def _honest(knee: Knee) -> float | None:
    """Where every trial counted at once: a search for a service's knee repeats one in which the generator was late, but
    here that is what is looked for."""
    sure = (r for r, c in knee.tried.rates.items() if c.met and not c.missed and not c.void and r <= (knee.low or 0.0))
    return max(sure, default=None)


def _tells_the_floor(cell: Cell) -> bool:
    """Little's law need not hold for it: what the generator does between two requests is much beside ten microseconds,
    and no part of their latency."""
    return set(cell.spoilt_by) <= {"littles-law"}


def _of(cells: list[Cell], users: int) -> Cell | None:
    """Users who do not wait."""
    return next((cell for cell in cells if cell.spec.workload == "fast" and cell.load == users), None)


def told(found: Calibration) -> list[str]:
    """In sentences."""
    lines = [
        _rate(found),
        f"in flight: {found.in_flight:,} requests at once, none lost, in {found.rss_mib:,.0f} MiB",
    ]
    if found.closed_rate is not None:
        lines.append(f"closed loop: {found.closed_rate:,.0f} requests/s from 20 users")
    if found.floor_p50_ms is not None and found.floor_p99_ms is not None:
        lines.append(f"latency floor: p50 {found.floor_p50_ms:.2f} ms, p99 {found.floor_p99_ms:.2f} ms for one user")
    lines.append(f"loop lag: at most {found.lag_p99_ms:.1f} ms (p99) in a trial that counts")
    if found.too_much:
        names = ", ".join(f"{need.plan} ({need.users:,} users, {need.rate:,.0f}/s)" for need in found.too_much)
        lines.append(f"not enough for: {names}. Lower their loads, or give the generator a quieter core")
    elif not found.enough:
        lines.append("not enough for any plan: see above. Give the generator a quieter core, and try again")
    else:
        lines.append(f"enough for every plan here: {', '.join(need.plan for need in found.needs)}")
    return lines


def _rate(found: Calibration) -> str:
    if found.honest_rate is None:
        return f"open loop: at no rate did every trial count with its p99 within {found.objective_ms:g} ms"
    return (
        f"open loop: honest up to {found.honest_rate:,.0f} requests/s (p99 within {found.objective_ms:g} ms, every "
        f"trial counted; above it {found.limit} was the limit){_late(found)}"
    )


def _late(found: Calibration) -> str:
    late = found.dispatch_delay_p99_ms
    return f", sent at most {late:.1f} ms late (p99)" if late is not None else ""
