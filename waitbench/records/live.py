"""live.json: what the generator is doing."""

from waitbench.records.fields import Record


class Live(Record):
    """What the generator is doing, written twice a second."""

    at: float
    """Unix time of writing."""
    done: int
    total: int
    trial: str = ""
    phase: str = ""
    rate: float = 0.0
    """Good answers per second, over the last half."""
    p99_ms: float | None = None
    errors: int = 0
    left_s: float = 0.0
    finished: bool = False
    failure: str = ""
    """Why the generator gave up."""
