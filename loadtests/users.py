"""The Locust user: it joins the trial that is going on, and costs nothing per request."""

from typing import Any

import gevent
from locust import User, constant, task

from loadtests.trial import Trial


class TrialUser(User):
    """Joins the trial that is going on, and leaves when it ends."""

    wait_time = constant(0)
    trial: Trial | None = None
    """Set by the player before Locust starts users."""

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self.joined = self.trial

    @task
    def take_part(self) -> None:
        trial, self.joined = self.joined, None
        if trial is not None:
            trial.join()
        else:
            gevent.sleep(0.1)  # Locust calls again until it stops this user
