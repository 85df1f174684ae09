"""Made-up runs of the matrix with known effects: frameworks and models with gaps, references and an instrument.

In `served_trials` the contenders have the servers that the project's own contenders have.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from tests.made_up import runs
from waitbench.analysis.factors.design import Factor
from waitbench.records.run import RunRecord, Target
from waitbench.records.spec import TrialSpec
from waitbench.records.trial import TrialRecord

FRAMEWORK = {"flask": 1.0, "django": 0.8, "fastapi": 1.25, "quart": 0.9}
MODEL = {"threads": 1.0, "gevent": 1.2, "asyncio": 1.5, "sync": 0.1}
TITLES = {
    "flask-sync": "Flask on sync workers", "flask-threads": "Flask on threads", "flask-gevent": "Flask on gevent",
    "flask-asyncio": "Flask with async views", "django-sync": "Django on sync workers",
    "django-threads": "Django on threads", "django-gevent": "Django on gevent",
    "django-asyncio": "Django with async views", "fastapi-asyncio": "FastAPI on asyncio",
    "fastapi-threads": "FastAPI with plain functions",
}  # fmt: skip
OTHERS = {
    "node": runs.target("node", title="Fastify on Node", framework="fastify", model="event loop", kind="reference"),
    "go": runs.target("go", title="Go on net/http", framework="net/http", model="goroutines", kind="reference"),
    "null": runs.target("null", title="Null service", framework="none", model="asyncio", kind="instrument"),
}
GTHREAD, SYNC, GEVENT = "gunicorn gthread", "gunicorn sync", "gunicorn gevent"
WSGI, ASGI = "granian WSGI", "granian ASGI, uvloop"
UVICORN, H11, GUNICORN = "uvicorn, uvloop, httptools", "uvicorn, uvloop, h11", "gunicorn asgi, uvloop"
SERVER = {GTHREAD: 1.0, SYNC: 0.9, GEVENT: 1.1, WSGI: 2.0, ASGI: 1.75, UVICORN: 1.5, H11: 0.9, GUNICORN: 1.2}
SERVED = {
    "flask-threads": GTHREAD, "flask-sync": SYNC, "flask-gevent": GEVENT, "flask-asyncio": GTHREAD,
    "django-threads": GTHREAD, "django-sync": SYNC, "django-gevent": GEVENT, "django-asyncio": UVICORN,
    "fastapi-asyncio": UVICORN, "fastapi-threads": UVICORN, "quart-asyncio": UVICORN,
    "flask-threads-granian": WSGI, "django-threads-granian": WSGI,
    "django-asyncio-granian": ASGI, "fastapi-asyncio-granian": ASGI, "quart-asyncio-granian": ASGI,
    "django-asyncio-gunicorn": GUNICORN, "fastapi-asyncio-gunicorn": GUNICORN, "quart-asyncio-gunicorn": GUNICORN,
    "fastapi-asyncio-h11": H11,
}  # fmt: skip
"""The project's own contenders, by framework, model and what distinguishes the server, with their servers."""
TRIO = ("flask-threads", "django-gevent", "fastapi-asyncio")
CLAIMS = tuple(SERVED)[:10]
"""The contenders of the plan `claims`: the server follows from framework and model."""
SPEED = {"node": 2.0, "go": 3.0, "null": 3.5}
ODD = {"flask-asyncio": 0.5}
"""Factors of contenders that depart from what their framework and model predict."""
PLAIN: Mapping[str, float] = {}
BASE_RPS, BASE_CPU_S, LOAD = 150.0, 2.0, 400


def matrix_targets(names: Iterable[str] = (*TITLES, *OTHERS)) -> list[Target]:
    return [OTHERS.get(name) or runs.target(name, title=TITLES[name]) for name in names]


def speed(name: str, odd: Mapping[str, float]) -> float:
    framework, _, model = name.partition("-")
    return SPEED[name] if name in SPEED else FRAMEWORK[framework] * MODEL[model] * odd.get(name, 1.0)


def matrix_trials(
    names: Iterable[str] = tuple(TITLES),
    *,
    odd: Mapping[str, float] = ODD,
    repeats: int = 3,
    noise: float = 0.01,
    loads: Iterable[int] = (LOAD,),
    open_loop: bool = False,
) -> list[TrialRecord]:
    """Trials whose goodput (in an open loop, latency) follows from framework and model, except for those in `odd`.

    CPU cost and memory are inversely proportional to the speed.
    """
    rng = np.random.default_rng(20261123)
    made = []
    for block, (repeat, load) in enumerate(((r, u) for r in range(1, repeats + 1) for u in loads), 1):
        for name in names:
            each = speed(name, odd) * float(np.exp(rng.normal(0, noise))) * (1 + repeat / 10)
            planned = runs.spec(name, load=load, repeat=repeat, block=block)
            made.append(_open(planned, each) if open_loop else _closed(planned, each))
    return made


def _closed(planned: TrialSpec, each: float) -> TrialRecord:
    peak = runs.REST_BYTES + round(2e6 / each)
    rps = BASE_RPS * each * min(1.0, planned.load / LOAD)
    return runs.at_rate(planned, rps, cpu_s=BASE_CPU_S * rps / BASE_RPS / each, peak_rss_bytes=peak)


def _open(planned: TrialSpec, each: float) -> TrialRecord:
    planned = runs.spec(
        planned.variant, load=100, repeat=planned.repeat, block=planned.block, load_model="open", file=planned.file
    )
    return runs.open_trial(planned, taken_us=[round(500_000 / each)] * 1000, cpu_s=BASE_CPU_S / each)


def matrix_run(trials: list[TrialRecord]) -> RunRecord:
    names = dict.fromkeys(trial.spec.variant for trial in trials)
    return runs.run_record([trial.spec for trial in trials], matrix_targets(names))


def served_levels(name: str) -> dict[Factor, str]:
    framework, model, *_ = name.split("-")
    return {"framework": framework, "model": model, "server": SERVED[name]}


def served_speed(name: str, odd: Mapping[str, float] = PLAIN) -> float:
    levels = served_levels(name)
    each = FRAMEWORK[levels["framework"]] * MODEL[levels["model"]] * SERVER[levels["server"]]
    return each * odd.get(name, 1.0)


def served_trials(
    names: Iterable[str] = tuple(SERVED), *, odd: Mapping[str, float] = PLAIN, repeats: int = 3, noise: float = 0.01
) -> list[TrialRecord]:
    """Trials whose goodput follows from framework, model and server, except for the contenders in `odd`."""
    rng = np.random.default_rng(20261130)
    return [
        _closed(
            runs.spec(name, load=LOAD, repeat=repeat, block=repeat),
            served_speed(name, odd) * float(np.exp(rng.normal(0, noise))) * (1 + repeat / 10),
        )
        for repeat in range(1, repeats + 1)
        for name in names
    ]


def served_run(trials: list[TrialRecord]) -> RunRecord:
    names = dict.fromkeys(trial.spec.variant for trial in trials)
    targets = [runs.target(name, title=TITLES.get(name, name), **served_levels(name)) for name in names]
    return runs.run_record([trial.spec for trial in trials], targets)
