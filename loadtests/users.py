"""The Locust user: its loop is the trial's, so that Locust costs nothing per request but its own events."""

from typing import Any

import gevent
from locust import User, constant, task

from loadtests.trial import Trial


class TrialUser(User):
    """Joins the trial that is going on, and leaves when it ends."""

    wait_time = constant(0)
    trial: Trial | None = None
    """Set by the conductor before it starts users."""

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self.joined = self.trial

    @task
    def take_part(self) -> None:
        trial = self.joined
        if trial is None or not trial.going:
            gevent.sleep(0.01)  # Locust calls again until it stops this user
            return
        trial.run_user()
