"""Locust's own FastHttpUser, for comparison. The environment variable ASK names the path."""

import os

from locust import FastHttpUser, constant, task


class Rival(FastHttpUser):
    wait_time = constant(0)

    @task
    def ask(self) -> None:
        self.client.get(os.environ["ASK"])
