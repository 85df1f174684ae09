"""What was asked for on the command line."""

from dataclasses import dataclass, field
from pathlib import Path

from waitbench.catalog.variants import Variant
from waitbench.plan.plan import Plan
from waitbench.run.locks import Work


@dataclass(frozen=True)
class Order:
    """What was asked for."""

    plan: Plan
    plan_name: str
    variants: dict[str, Variant]
    engine: str
    seed: int
    out: Path
    name: str
    """Of the run's folder in `out`."""
    ui: bool
    ui_host: str = "127.0.0.1"
    ui_port: int = 8089
    keep_ui: bool = False
    left_out: dict[str, str] = field(default_factory=dict)
    """What the plan named and can't be had here, and why."""
    locust_workers: int = 0
    """Locust processes that generate the load; 0: one process does that and all else."""

    @property
    def work(self) -> Work:
        """What this run does on this machine, for its lock."""
        return Work(measures=self.plan.local_ports)
