"""Locust's entry: `locust -f loadtests/locustfile.py` with WAITBENCH_RUN naming a prepared run folder.

The harness prepares the folder and starts this; see waitbench/run.py. One process plays the whole run, so that its
web UI shows all of it live; with --master and --worker it has others generate the load.
"""

import logging
import os
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event
from locust import events
from locust.runners import MasterRunner, WorkerRunner

from loadtests import webui
from loadtests.by_hand import by_hand_choices
from loadtests.conductor import Conductor
from loadtests.crew import Alone, Workers, work_for_a_master
from loadtests.users import TrialUser
from waitbench.records.console import forgive
from waitbench.records.folder import RunFolder

__all__ = ["TrialUser"]

OWN_TEST_S = 30.0

# The log may be on a full disk, and Locust does not end where it can't print.
forgive(may_stall=False)
# One line a trial from Locust's runner would drown everything else.
logging.getLogger("locust.runners").setLevel(logging.WARNING)


def run_folder() -> RunFolder:
    named = os.environ.get("WAITBENCH_RUN")
    if not named:
        raise SystemExit("WAITBENCH_RUN is not set: start this through `waitbench run`, which prepares the run folder")
    return RunFolder(Path(named))


@events.init_command_line_parser.add_listener
def offer_targets(parser: Any) -> None:
    """A dropdown in the web UI's start form, for loads by hand once the run is over."""
    choices = list(by_hand_choices(run_folder().read_run()))
    parser.add_argument(
        "--waitbench-target", choices=choices, default=choices[0], help="what to load when the run is over"
    )


@events.init.add_listener
def play_the_run(environment: Any, **_: Any) -> None:
    """Start the conductor beside Locust's own machinery; leave when it is done, unless the UI is to stay."""
    # Users have nothing to finish: the trial, which has, is over before they are stopped.
    environment.stop_timeout = 0
    if isinstance(environment.runner, WorkerRunner):
        work_for_a_master(environment)
        return
    folder = run_folder()
    run = folder.read_run()
    master = isinstance(environment.runner, MasterRunner)
    crew = Workers(environment, environment.parsed_options.expect_workers) if master else Alone(environment)
    conductor = Conductor(environment, folder, run, crew)
    if environment.web_ui:
        webui.extend(environment, conductor, crew, folder, run)

    begun = Event()
    environment.events.spawning_complete.add_listener(lambda **_: begun.set())

    def play() -> None:
        if not environment.web_ui:
            # Headless, Locust starts a test of its own with no users, a master when its workers are there; it has to
            # be over before the first trial.
            begun.wait(OWN_TEST_S)
            environment.runner.stop()
        conductor.play()
        environment.process_exit_code = conductor.exit_code
        if os.environ.get("WAITBENCH_KEEP_UI") != "1":
            environment.runner.quit()
            if environment.web_ui:
                environment.web_ui.stop()

    gevent.spawn(play)
