"""The same plan in containers: `docker compose up`, watched from outside."""


def run_in_containers(order, path, console): ...
