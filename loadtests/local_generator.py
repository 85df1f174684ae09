"""This process generates all of the load."""

from typing import Any

from loadtests.load_generator import gather_times_ns
from loadtests.share_runner import ShareResult, ShareRunner
from waitbench.records.spec import TrialSpec


class LocalGenerator:
    """A LoadGenerator of one process."""

    size = 1
    whole = True
    lead_s = 0.0

    def __init__(self, environment: Any) -> None:
        self._runner = ShareRunner(environment)

    def prepare(self, spec: TrialSpec) -> None:
        self._runner.prepare(spec)

    def gather(self, spec: TrialSpec) -> None:
        self._runner.gather(*gather_times_ns(spec, self.lead_s))

    def begin(self, begin_ns: int) -> None:
        self._runner.begin(begin_ns)

    def stop(self) -> None:
        self._runner.stop()

    def finish(self) -> tuple[list[ShareResult], list[str]]:
        return [self._runner.result()], []

    def drop(self) -> None:
        self._runner.drop()

    def live(self) -> tuple[int, int, float | None]:
        batch = self._runner.latest
        return (int(batch.good.sum()), len(batch.failures), batch.p99_ms) if batch else (0, 0, None)
