"""Locust's entry: `locust -f loadtests/locustfile.py` with WAITBENCH_RUN naming a prepared run folder.

The harness prepares the folder and starts this; see waitbench/run.py. One process plays the whole run, so that its
web UI shows all of it live.
"""

import logging
import os
from pathlib import Path
from typing import Any

import gevent
from locust import events

from loadtests import webui
from loadtests.conductor import Conductor
from loadtests.users import TrialUser
from waitbench.results import RunFolder

__all__ = ["TrialUser"]

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
    choices = list(webui.by_hand_choices(run_folder().read_run()))
    parser.add_argument(
        "--waitbench-target", choices=choices, default=choices[0], help="what to load when the run is over"
    )


@events.init.add_listener
def play_the_run(environment: Any, **_: Any) -> None:
    """Start the conductor beside Locust's own machinery; leave when it is done, unless the UI is to stay."""
    folder = run_folder()
    run = folder.read_run()
    conductor = Conductor(environment, folder, run)
    environment.stop_timeout = max(spec.timeout_s for spec in run.trials) + 5
    if environment.web_ui:
        webui.extend(environment, conductor, folder, run)

    @environment.events.test_stopping.add_listener
    def let_users_go(**_: Any) -> None:
        # Whoever stops the test: a closed loop goes on until told, and Locust would wait for it all its stop time-out.
        if TrialUser.trial:
            TrialUser.trial.going = False

    def play() -> None:
        # Headless, Locust starts a test of its own with no users; it has to be over before the first trial.
        gevent.sleep(0.2)
        environment.runner.stop()
        conductor.play()
        environment.process_exit_code = 1 if conductor.failure else 0
        if os.environ.get("WAITBENCH_KEEP_UI") != "1":
            environment.runner.quit()
            if environment.web_ui:
                environment.web_ui.stop()

    gevent.spawn(play)
