"""How long the generator of a run had to wait for a core, as the kernel counts it."""

import threading
import time
from contextlib import suppress
from pathlib import Path

from tests import processes

EVERY_S = 0.005


class Waiting(threading.Thread):
    """Reads the count of the run's Locust process again and again, as long as that exists.

    The count is the second figure of /proc/PID/schedstat: nanoseconds in which the process was ready to run but waited
    (Documentation/scheduler/sched-stats.rst).
    """

    def __init__(self, place: Path) -> None:
        super().__init__(daemon=True)
        self._place = place
        self._ended = threading.Event()
        self._seen: list[tuple[int, int]] = []
        """Times of the readings, on the clock that all processes share, and the counts."""

    def __enter__(self) -> "Waiting":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        while not (file := self._locust_file()):
            if self._ended.wait(0.05):
                return
        with suppress(OSError):  # it ends with the run
            while not self._ended.wait(EVERY_S):
                waited_ns = int(file.read_text().split()[1])
                self._seen.append((time.perf_counter_ns(), waited_ns))

    def _locust_file(self) -> Path | None:
        for pid in processes.mentioning(str(self._place)):
            with suppress(OSError):
                if b"locustfile" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return Path(f"/proc/{pid}/schedstat")
        return None

    def longest_ms(self, begin_ns: int, end_ns: int) -> float:
        """Return the longest wait between two readings from a begin to an end. No single wait was longer."""
        pairs = zip(self._seen, self._seen[1:], strict=False)
        waits = [later - earlier for (_, earlier), (at, later) in pairs if begin_ns <= at <= end_ns]
        return max(waits, default=0) / 1e6
