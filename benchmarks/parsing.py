"""The CPU cost of FastAPI's own parsing and serialising, for one request of `wait`.

    .venv/bin/python -m benchmarks.parsing    # about ten seconds

The request is served as waitbench serves it, and as FastAPI's documentation writes it: with a declared parameter, and a
model or a dict as the result. The applications are called in turn, as a server calls them, but without a server. The
reported difference is the same with one. A busy machine only adds time, so the lowest of many rounds counts.
"""

import asyncio
import os
import sys
import tempfile
import time
from typing import Annotated, Any

import uvloop
from fastapi import FastAPI, Query
from pydantic import BaseModel

from waitbench.paths import SERVICES

ROUNDS, REQUESTS = 50, 300
Ms = Annotated[int, Query(ge=0, le=60000)]


class Waited(BaseModel):
    workload: str = "wait"
    ms: int


def as_it_is() -> Any:
    from fastapi_app.async_app import application

    return application


def with_a_model() -> Any:
    from work import counters

    api = FastAPI()

    @api.get("/wait")
    async def wait(ms: Ms) -> Waited:
        await asyncio.sleep(ms / 1000)
        return Waited(ms=ms)

    return counters.CountedAsgi(api)


def with_a_dict() -> Any:
    from work import counters

    api = FastAPI()

    @api.get("/wait", response_model=None)
    async def wait(ms: Ms) -> dict[str, Any]:
        await asyncio.sleep(ms / 1000)
        return {"workload": "wait", "ms": ms}

    return counters.CountedAsgi(api)


def request() -> dict[str, Any]:
    ends = {"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "scheme": "http", "root_path": ""}
    target = {"method": "GET", "path": "/wait", "raw_path": b"/wait", "query_string": b"ms=0"}
    headers = {"headers": [(b"host", b"127.0.0.1")]}
    return {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", **ends, **target, **headers}


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def cpu_us(application: Any) -> float:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    began = time.process_time()
    for _ in range(REQUESTS):
        await application(request(), receive, send)
    took = time.process_time() - began
    assert {message["body"] for message in sent[1::2]} == {b'{"workload":"wait","ms":0}'}
    return took / REQUESTS * 1e6


async def compare() -> None:
    applications = {make.__name__.replace("_", " "): make() for make in (as_it_is, with_a_model, with_a_dict)}
    rounds = [{name: await cpu_us(each) for name, each in applications.items()} for _ in range(ROUNDS)]
    lowest = {name: min(each[name] for each in rounds) for name in applications}
    for name, cost in lowest.items():
        print(f"{name:>12}: {cost:.0f} us, {cost - lowest['as it is']:+.0f} us")


def main() -> None:
    sys.path.append(str(SERVICES))
    with tempfile.TemporaryDirectory(prefix="parsing-") as place:
        os.environ["WAITBENCH_STATE_DIR"] = place
        uvloop.run(compare())


if __name__ == "__main__":
    main()
