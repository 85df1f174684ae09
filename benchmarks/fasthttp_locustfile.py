"""The rival from Locust itself."""

from locust import FastHttpUser, constant, task


class Rival(FastHttpUser):
    wait_time = constant(0)

    @task
    def ask(self) -> None:
        self.client.get("/fast")
