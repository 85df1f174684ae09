"""A made-up run of the matrix with known effects: frameworks and models with gaps, references and an instrument."""

from collections.abc import Iterable, Mapping

import numpy as np

from tests.made_up import runs
from waitbench.records.run import RunRecord, Target
from waitbench.records.spec import TrialSpec
from waitbench.records.trial import TrialRecord

FRAMEWORK = {"flask": 1.0, "django": 0.8, "fastapi": 1.25}
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
SPEED = {"node": 2.0, "go": 3.0, "null": 3.5}
ODD = {"flask-asyncio": 0.5}
"""Factors of contenders that depart from what their framework and model predict."""
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
