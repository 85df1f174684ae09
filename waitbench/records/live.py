"""live.json: the current state of the generator."""

from waitbench.records.fields import Record


class Live(Record):
    """The current state of the generator, written twice a second."""

    at: float
    """Unix time of writing."""
    done: int
    total: int
    trial: str = ""
    phase: str = ""
    rate: float = 0.0
    """Good responses per second, over the last half second."""
    p99_ms: float | None = None
    errors: int = 0
    left_s: float = 0.0
    finished: bool = False
    failure: str = ""
    """Why the generator gave up."""
