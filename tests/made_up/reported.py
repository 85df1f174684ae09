"""Made-up runs with everything that a report has to show. Each is reported once."""

from pathlib import Path

import pytest

from tests.made_up import claims, runs
from tests.made_up.matrix import OTHERS, TITLES, matrix_run, matrix_trials
from tests.made_up.scenarios import burst_trial, mixed_trials
from waitbench.records.folder import RunFolder
from waitbench.records.trial import TrialRecord
from waitbench.report.write import write_report

uncharted = pytest.mark.usefixtures("without_charts")
"""For tests without charts, because drawing takes most of the time of a report."""


@pytest.fixture
def without_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("waitbench.report.contents.draw", lambda _: [])


VARIANTS = ("flask-threads", "django-gevent", "fastapi-asyncio")
TITLE = "<script>alert('title')</script> & \"quotes\" – waiting"
DISTURBANCE = "users were <started> & stopped from outside"
RATES = {
    # With 10 users all are at the theoretical maximum. With 100 they differ, and Django's second trial is invalid.
    ("wait", 10): (97.0, 98.0, 99.0),
    ("wait", 100): (400.0, 900.0, 800.0),
    ("db", 20): (150.0, 151.0, 149.0),
}
PARAMS = {"wait": {"ms": 100}, "db": {"ms": 100}}


def trials() -> list[TrialRecord]:
    made = []
    for block, (workload, load) in enumerate(RATES, 1):
        for repeat in (1, 2, 3):
            for variant, rps in zip(VARIANTS, RATES[workload, load], strict=True):
                spec = runs.spec(variant, workload, PARAMS[workload], load, repeat, block=block + 3 * repeat)
                trial = runs.at_rate(spec, rps + repeat / 10, cpu_s=repeat / 10)
                disturbed = (variant, workload, load, repeat) == ("django-gevent", "wait", 100, 2)
                made.append(trial.model_copy(update={"disturbance": DISTURBANCE}) if disturbed else trial)
    return made


@pytest.fixture(scope="session")
def made_trials() -> list[TrialRecord]:
    return trials()


@pytest.fixture(scope="session")
def reported(made_trials: list[TrialRecord], tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The folder of a complete run, with its report."""
    path = tmp_path_factory.mktemp("reported") / "20260102-030405-made-up"
    run = runs.run_record([trial.spec for trial in made_trials], title=TITLE)
    folder = runs.run_folder(Path(path), run, made_trials)
    write_report(folder)
    return folder


KNEES: dict[str, list[tuple[float, str]]] = {
    # The knee of Flask is at about 210/s, that of FastAPI at about 840/s. Most trials of Django at 200/s are invalid,
    # because the generator was late. Each list is one complete search with two repeats.
    "flask-threads": [(100, "met"), (200, "met"), (400, "missed"), (283, "missed"), (238, "missed"), (218, "missed"),
                      (200, "met"), (218, "missed")],
    "django-gevent": [(100, "met"), (200, "void"), (200, "void"), (200, "void"), (141, "met"), (168, "met"),
                      (183, "met"), (183, "met")],
    "fastapi-asyncio": [(100, "met"), (200, "met"), (400, "met"), (800, "met"), (1600, "missed"), (1130, "missed"),
                        (951, "missed"), (872, "missed"), (800, "met"), (872, "missed")],
}  # fmt: skip


def knee_trials() -> list[TrialRecord]:
    late = runs.GENERATOR.model_copy(update={"lag_p99_ms": 50.0})
    made = []
    for variant, steps in KNEES.items():
        for block, (rate, outcome) in enumerate(steps, 1):
            generator = late if outcome == "void" else runs.GENERATOR
            made.append(runs.knee_trial(variant, rate, outcome != "missed", block, generator=generator))
    return made


@pytest.fixture(scope="session")
def knee_reported(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The folder of a run that searched for the knees of three contenders, with its report."""
    trials = knee_trials()
    run = runs.run_record([trial.spec for trial in trials])
    run = runs.with_plan(run, repeats=2)
    folder = runs.run_folder(tmp_path_factory.mktemp("knees"), run, trials)
    write_report(folder)
    return folder


@pytest.fixture(scope="session")
def partly_reported(made_trials: list[TrialRecord], tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The folder of a run that was interrupted, with its report."""
    run = runs.run_record(
        [trial.spec for trial in made_trials], status="interrupted", message="interrupted from outside"
    )
    folder = runs.run_folder(tmp_path_factory.mktemp("partly"), run, made_trials[:4])
    write_report(folder)
    return folder


def scenario_trials() -> list[TrialRecord]:
    """A fast path that CPU work slows down except on FastAPI, and a burst from which Django does not recover."""
    latencies_ms = {
        "flask-threads": [(10.0, 30.0), (11.0, 33.0), (12.0, 36.0)],
        "django-gevent": [(4.0, 40.0), (5.0, 50.0), (4.5, 45.0)],
        "fastapi-asyncio": [(2.0, 2.1), (2.2, 2.1), (2.1, 2.1)],
    }
    capacities_rps = {"flask-threads": 250.0, "django-gevent": 130.0, "fastapi-asyncio": 400.0}
    bursts = [burst_trial(name, repeat, rps) for name, rps in capacities_rps.items() for repeat in (1, 2, 3)]
    return mixed_trials(latencies_ms) + bursts


@pytest.fixture(scope="session")
def scenario_reported(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The folder of a run of a mixed load and a burst, with its report."""
    trials = scenario_trials()
    run = runs.run_record([trial.spec for trial in trials])
    folder = runs.run_folder(tmp_path_factory.mktemp("scenarios"), run, trials)
    write_report(folder)
    return folder


@pytest.fixture(scope="session")
def matrix_reported(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The folder of a run of thirteen contenders, ten of which make a matrix, with its report."""
    trials = matrix_trials((*TITLES, *OTHERS), loads=(200, 400))
    folder = runs.run_folder(tmp_path_factory.mktemp("matrix"), matrix_run(trials), trials)
    write_report(folder)
    return folder


CLAIMS = """
[[claims]]
id = "holds"
says = "It is <b>so</b> & stays so | whatever comes."
tested = "By looking at it, and at what | is <i>beside</i> it."
would_change = "Another <u>look</u>."
[[claims.cells]]
name = "waiting"
workload = "wait"
params = { ms = 100 }
users = [10, 20]
variants = ["fastapi-asyncio", "flask-threads"]
[[claims.cells]]
name = "beside"
workload = "mixed"
of = "wait"
share = 0.01
params = { ms = 50 }
rate = [400]
measure_s = 3.0
variants = ["flask-threads"]
[[claims.rules]]
says = "Twice the users get more."
figure = "goodput_rps"
of = { cell = "waiting", variant = "flask-threads", load = 20 }
over = { cell = "waiting", variant = "flask-threads", load = 10 }
supported = { at_least = 1.5 }
refuted = { at_most = 1.2 }
[[claims.rules]]
says = "A few slow neighbours, of which there are not many and never were, do the fast path no harm | <at all>."
figure = "p99_ms"
of = { cell = "beside" }
over = { cell = "beside", alone = true }
supported = { within = [0.8, 1.25] }
refuted = { outside = [0.5, 2] }

[[claims]]
id = "fails"
says = "On two cores it costs less."
tested = "By the bill."
would_change = "A cheaper bill."
[[claims.cells]]
name = "two"
workload = "wait"
params = { ms = 200 }
users = [20]
variants = ["fastapi-asyncio", "flask-threads"]
workers = [2]
service_cpus = 2
[[claims.rules]]
says = "It costs less."
figure = "cpu_s_per_1k"
of = { cell = "two", variant = "fastapi-asyncio" }
over = { cell = "two", variant = "flask-threads" }
supported = { at_most = 0.8 }
refuted = { at_least = 1.2 }

[[claims]]
id = "wavers"
says = "It takes half the memory."
tested = "By weighing."
would_change = "A better scale."
[[claims.cells]]
name = "heavy"
workload = "wait"
params = { ms = 150 }
users = [20]
variants = ["fastapi-asyncio", "flask-threads"]
[[claims.rules]]
says = "It takes half the memory."
figure = "kib_per_request"
of = { cell = "heavy", variant = "fastapi-asyncio" }
over = { cell = "heavy", variant = "flask-threads" }
supported = { at_most = 0.5 }
refuted = { at_least = 1 }

[[claims]]
id = "unknown"
says = "It is as quick as something that is not here."
tested = "By asking."
would_change = "An answer."
[[claims.cells]]
name = "waiting"
workload = "wait"
params = { ms = 100 }
users = [20]
variants = ["fastapi-asyncio", "django-gevent"]
[[claims.rules]]
says = "It is as quick."
figure = "p50_ms"
of = { cell = "waiting", variant = "fastapi-asyncio" }
over = { cell = "waiting", variant = "django-gevent" }
supported = { within = [0.9, 1.1] }
refuted = { outside = [0.5, 2] }
"""
RATIOS: dict[str, list[float]] = {"holds": [1.9, 1.02], "fails": [2.0], "wavers": [0.7]}
"""The ratios of the rules of each claim that has trials."""


@pytest.fixture(scope="session")
def claims_reported(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The folder of a run that judged four claims, one of each verdict, with its report."""
    judged = claims.claims_of(tmp_path_factory.mktemp("claims"), CLAIMS)
    trials = [
        trial
        for claim in judged
        for rule, ratio in zip(claim.rules, RATIOS.get(claim.id, []), strict=False)
        for trial in claims.trials(
            rule, claim.place(rule.of), claim.place(rule.over), [ratio * each for each in claims.WOBBLE]
        )
    ]
    run = claims.run(judged, trials, title=TITLE, left_out={"Go": "its <i>container</i> is not there"})
    folder = runs.run_folder(tmp_path_factory.mktemp("judged"), run, trials)
    write_report(folder)
    return folder
