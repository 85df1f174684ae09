"""Feeds Locust's own statistics, for its web UI. No report uses them.

They are fed in batches, with the method by which a Locust master adds a worker's statistics. An event for each request
would cost the generator more than the request itself. Response times keep three significant digits, as our histograms
do, so the UI shows the same percentiles.
"""

import time
from typing import Any

import numpy as np
from locust.stats import StatsEntry

from loadtests.recorder import Batch, Recorder
from waitbench.records.spec import Exchange, TrialSpec


class UiStatistics:
    """One trial's rows in Locust's statistics."""

    def __init__(self, environment: Any, spec: TrialSpec) -> None:
        self._stats = environment.stats
        self._method, self._name = spec.variant, spec.description
        self._body_bytes = answer_bytes(spec)
        self._beside_bytes = answer_bytes(spec.neighbours) if spec.neighbours else 0

    def add(self, batch: Batch) -> None:
        """Add the requests that ended since the last batch."""
        self._add(batch, self._name, self._body_bytes)

    def add_neighbours(self, recorder: Recorder | None) -> None:
        """Add a mixed load's neighbours, in a row of their own."""
        if recorder:
            self._add(recorder.batch(), f"{self._name}, neighbours", self._beside_bytes)

    def _add(self, batch: Batch, name: str, body_bytes: int) -> None:
        count = len(batch.taken_us)
        if not count:
            return
        entry = StatsEntry(self._stats, name, self._method)
        now = time.time()
        taken_ms = batch.taken_us / 1000
        entry.num_requests, entry.last_request_timestamp = count, now
        entry.total_response_time = float(taken_ms.sum())  # type: ignore[assignment]
        entry.min_response_time = round(float(taken_ms.min()), 3)  # type: ignore[assignment]
        entry.max_response_time = round(float(taken_ms.max()), 3)  # type: ignore[assignment]
        entry.total_content_length = body_bytes * (count - len(batch.failures))
        entry.response_times = buckets_ms(batch.taken_us)  # type: ignore[assignment]
        entry.num_reqs_per_sec = {int(now): count}
        self._stats.entries[(name, self._method)].extend(entry)
        self._stats.total.extend(entry)
        for failure in batch.failures:
            self._stats.log_error(self._method, name, failure)


def answer_bytes(exchange: Exchange) -> int:
    return exchange.receives if exchange.receives is not None else len(exchange.body or "")


def buckets_ms(taken_us: "np.ndarray[Any, np.dtype[np.int64]]") -> dict[float, int]:
    """Return how many requests took each number of milliseconds, rounded to three significant digits."""
    exact = np.maximum(taken_us, 1)
    step = 10.0 ** np.maximum(np.floor(np.log10(exact)) - 2, 0)
    values, counts = np.unique(np.round(exact / step) * step / 1000, return_counts=True)
    return {round(float(value), 6): int(count) for value, count in zip(values, counts, strict=True)}
