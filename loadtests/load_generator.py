"""The interface of the processes that generate a run's load: this process alone, or Locust workers."""

import time
from typing import Protocol

from loadtests.share_runner import ShareResult
from waitbench.records.spec import TrialSpec

GATHER_S = 5.0
"""How long beyond the workload's wait users of a closed loop may take to have a first response.

A service that serves one user at a time need not be able to: it accepts each of their requests in turn all the same.
"""


class GaveUp(Exception):
    """The run cannot go on; the message says why."""


class LoadGenerator(Protocol):
    """Generates the load of one trial after another: `prepare`, `gather`, `begin`, then `finish`."""

    lead_s: float
    """How long before it begins a trial has to be announced, in seconds."""

    @property
    def size(self) -> int:
        """How many processes generate load."""

    @property
    def whole(self) -> bool:
        """Whether every process that prepared the trial is still there."""

    def prepare(self, spec: TrialSpec) -> None:
        """Make the trial that users join from now on. Raises GaveUp, or OSError if the service has no address."""

    def gather(self, spec: TrialSpec) -> None:
        """Let users of a closed loop send one request each, and wait until all have had a response.

        It waits at most GATHER_S beyond the workload's wait.
        """

    def begin(self, begin_ns: int) -> None:
        """Begin the warm-up at `begin_ns` on the clock of time.perf_counter_ns."""

    def stop(self) -> None:
        """Send nothing more, whatever was planned."""

    def finish(self) -> tuple[list[ShareResult], list[str]]:
        """Wait until the trial is over. Returns a result for each process, and a sentence for each that was lost."""

    def drop(self) -> None:
        """Forget the trial that was prepared."""

    def live(self) -> tuple[int, int, float | None]:
        """Good responses and errors of the last half second, and the p99 of the good ones in milliseconds.

        The p99 is None with several processes, whose percentiles cannot be added up.
        """


def gather_times_ns(spec: TrialSpec, lead_s: float) -> tuple[int, int]:
    """From when on users send their first requests, and until when to wait for the responses."""
    since_ns = time.perf_counter_ns() + int(lead_s * 1e9)
    return since_ns, since_ns + int((spec.least_s + GATHER_S) * 1e9)
