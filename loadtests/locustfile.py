"""Locust's entry: `locust -f loadtests/locustfile.py` with WAITBENCH_RUN naming a prepared run folder.

The harness prepares the folder and starts this; see waitbench/run/generator.py. One process runs all trials, so that
its web UI shows the whole run live. With --master and --worker, other processes generate the load.
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
from loadtests.load_generator import LoadGenerator
from loadtests.local_generator import LocalGenerator
from loadtests.manual_load import manual_choices
from loadtests.session import Session
from loadtests.users import TrialUser
from loadtests.worker import run_worker
from loadtests.worker_generator import WorkerGenerator
from waitbench.records.console import forgive
from waitbench.records.folder import RunFolder

__all__ = ["TrialUser"]

OWN_TEST_S = 30.0
"""How long Locust's own test may take to begin."""

# The log may be on a full disk, and Locust does not end if it cannot print.
forgive(may_stall=False)
# Locust's runner would log a line for each trial, which hides everything else.
logging.getLogger("locust.runners").setLevel(logging.WARNING)


def run_folder() -> RunFolder:
    named = os.environ.get("WAITBENCH_RUN")
    if not named:
        raise SystemExit("WAITBENCH_RUN is not set: start this through `waitbench run`, which prepares the run folder")
    return RunFolder(Path(named))


@events.init_command_line_parser.add_listener
def offer_targets(parser: Any) -> None:
    """Add a list to the web UI's start form, for loads by hand after the run."""
    choices = list(manual_choices(run_folder().read_run()))
    parser.add_argument(
        "--waitbench-target", choices=choices, default=choices[0], help="what to load when the run is over"
    )


@events.init.add_listener
def run_the_trials(environment: Any, **_: Any) -> None:
    """Start the session next to Locust's own machinery. Locust ends with it, unless the UI is to stay."""
    environment.stop_timeout = 0  # users have nothing to finish: the trial is over before they are stopped
    if isinstance(environment.runner, WorkerRunner):
        run_worker(environment)
        return
    folder = run_folder()
    run = folder.read_run()
    generator = _generator(environment)
    session = Session(environment, folder, run, generator)
    if environment.web_ui:
        webui.extend(environment, session, generator, folder, run)
    begun = Event()
    environment.events.spawning_complete.add_listener(lambda **_: begun.set())
    gevent.spawn(_run, environment, session, begun)


def _generator(environment: Any) -> LoadGenerator:
    if isinstance(environment.runner, MasterRunner):
        return WorkerGenerator(environment, environment.parsed_options.expect_workers)
    return LocalGenerator(environment)


def _run(environment: Any, session: Session, begun: Event) -> None:
    if not environment.web_ui:
        # Headless, Locust starts a test of its own without users; a master does so when its workers are there.
        # It has to be over before the first trial.
        begun.wait(OWN_TEST_S)
        environment.runner.stop()
    session.run()
    environment.process_exit_code = session.exit_code
    if os.environ.get("WAITBENCH_KEEP_UI") != "1":
        environment.runner.quit()
        if environment.web_ui:
            environment.web_ui.stop()
