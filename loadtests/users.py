"""The Locust user: it joins the current trial, and costs nothing per request."""

from typing import Any

import gevent
from locust import User, constant, task

from loadtests.load_loop import LoadLoop


class TrialUser(User):
    """Joins the current trial, and leaves when it ends."""

    wait_time = constant(0)
    loop: LoadLoop | None = None
    """The ShareRunner sets this before Locust starts users."""

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self._joining = self.loop

    @task
    def take_part(self) -> None:
        loop, self._joining = self._joining, None
        if loop is not None:
            loop.join()
        else:
            gevent.sleep(0.1)  # Locust calls again until it stops this user
