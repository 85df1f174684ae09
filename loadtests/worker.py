"""A Locust worker's side of a run: it generates its share of each trial that the master announces."""

from typing import Any

import gevent
import locust.runners
from locust.runners import WorkerRunner

from loadtests.share import Share
from loadtests.share_runner import FEED_S, ShareRunner
from loadtests.worker_messages import BEGIN, GATHER, GATHERED, LIVE, PART, PREPARE, READY, STOP
from waitbench.records.spec import TrialSpec


def run_worker(environment: Any) -> None:
    """Obey the master from now on."""
    # Locust's own interval is 3 s: a short trial would be over before the web UI shows it.
    locust.runners.WORKER_REPORT_INTERVAL = FEED_S
    worker = _Worker(environment)
    register = environment.runner.register_message
    register(PREPARE, worker.prepare)
    register(GATHER, worker.gather, concurrent=True)
    register(BEGIN, worker.begin, concurrent=True)
    register(STOP, worker.stop)
    gevent.spawn(worker.report_live)


class _Worker:
    """Each method handles one message. A message about another trial than the one prepared is ignored."""

    def __init__(self, environment: Any) -> None:
        self._locust: WorkerRunner = environment.runner
        self._share_runner = ShareRunner(environment)
        self._trial = 0

    def prepare(self, msg: Any, **_: Any) -> None:
        if msg.data["trial"] != self._trial:  # else READY was late, and the master asks again
            spec = TrialSpec.model_validate_json(msg.data["spec"])
            self._share_runner.prepare(spec, Share(msg.data["index"], msg.data["count"]))
            self._trial = msg.data["trial"]
        self._locust.send_message(READY, {"trial": self._trial})

    def gather(self, msg: Any, **_: Any) -> None:
        if msg.data["trial"] == self._trial:
            self._share_runner.gather(msg.data["since_ns"], msg.data["until_ns"])
            self._locust.send_message(GATHERED, {"trial": msg.data["trial"]})

    def begin(self, msg: Any, **_: Any) -> None:
        if (begun := msg.data["trial"]) == self._trial:
            self._share_runner.begin(msg.data["begin_ns"])
            result = self._share_runner.result()
            if begun == self._trial:  # else the master has given it up and prepared another
                self._locust.send_message(PART, {"trial": begun, **result.packed()})

    def stop(self, msg: Any, **_: Any) -> None:
        if msg.data["trial"] == self._trial:
            self._share_runner.stop()

    def report_live(self) -> None:
        while True:
            gevent.sleep(FEED_S)
            if batch := self._share_runner.latest:
                self._locust.send_message(LIVE, {"good": int(batch.good.sum()), "errors": len(batch.failures)})
