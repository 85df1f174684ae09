"""Holds what a command line requests."""

from dataclasses import dataclass, field
from pathlib import Path

from waitbench.catalog.variants import Variant
from waitbench.plan.plan import Plan
from waitbench.run.locks import Work


# Thirteen fields, because each is one option or argument of `waitbench run`, and every step of a run reads several.
@dataclass(frozen=True)
class Order:
    """A run as it was requested on the command line."""

    plan: Plan
    plan_name: str
    variants: dict[str, Variant]
    engine: str
    seed: int
    out: Path
    name: str
    """The name of the run's folder in `out`."""
    ui: bool
    ui_host: str = "127.0.0.1"
    ui_port: int = 8089
    keep_ui: bool = False
    left_out: dict[str, str] = field(default_factory=dict)
    """The variants of the plan that are not available here, each with the reason."""
    locust_workers: int = 0
    """The number of Locust workers, which generate the load; 0 if one process does everything."""

    @property
    def work(self) -> Work:
        """The use of this machine that the run announces."""
        return Work(measures=self.plan.local_ports)
