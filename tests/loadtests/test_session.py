"""How a run reports its state, with Locust's own runner and a run that has no trials."""

import time
from pathlib import Path

import gevent
from locust.env import Environment

from loadtests.local_generator import LocalGenerator
from loadtests.session import LOOK_EVERY_S, Session
from loadtests.users import TrialUser
from tests.made_up import runs
from waitbench.records.folder import RunFolder
from waitbench.records.live import Live

SLOW_S = 5 * LOOK_EVERY_S


class BusyDisk(RunFolder):
    """Takes long to write each status except the last one."""

    def write_live(self, live: Live) -> None:
        if not live.finished:
            time.sleep(SLOW_S)
        super().write_live(live)


def test_the_last_status_stays_if_an_earlier_one_is_still_being_written(tmp_path: Path) -> None:
    folder = BusyDisk(tmp_path)
    begun = runs.run_record([], searching=True)
    folder.write_run(begun.model_copy(update={"searching": False}))
    environment = Environment(user_classes=[TrialUser])
    environment.create_local_runner()
    session = Session(environment, folder, begun, LocalGenerator(environment))
    session.run()
    gevent.get_hub().threadpool.join()
    live = folder.read_live()
    assert live
    assert (live.finished, live.failure) == (True, "")
