"""What waitbench adds to Locust's web UI: a tab with the finished trials, a link to the report, and, once the run is
over, the choice of a service and workload to try by hand."""

import itertools
import json
import time
from typing import Any

import gevent
from flask import Response, abort, request, send_file

from loadtests.conductor import Conductor
from loadtests.crew import Alone, Workers
from waitbench import latency
from waitbench.results import RunFolder, RunRecord, TrialRecord, TrialSpec

TAB = "waitbench-trials"
BY_HAND_S = 600
"""No load goes on for ever: one started by hand stops by itself after so long."""
COLUMNS = {
    "block": "Block",
    "variant": "Variant",
    "load": "Workload and load",
    "goodput": "Good answers/s",
    "p50": "p50 (ms)",
    "p99": "p99 (ms)",
    "errors": "Errors",
}


def extend(environment: Any, conductor: Conductor, crew: Alone | Workers, folder: RunFolder, run: RunRecord) -> None:
    ui = environment.web_ui
    ui.template_args |= {
        "extended_tabs": [{"title": "Finished trials", "key": TAB}],
        "extended_tables": [
            {"key": TAB, "structure": [{"key": key, "title": title} for key, title in COLUMNS.items()]}
        ],
        "extended_csv_files": [{"href": "/waitbench/report", "title": "Open the waitbench report"}],
    }

    @ui.app.before_request
    def stop_the_run() -> None:
        if request.path == "/stop" and conductor.busy:
            conductor.stop()

    @ui.app.after_request
    def add_finished_trials(response: Response) -> Response:
        if request.path == "/stats/requests" and response.is_json:
            rows = [_row(trial) for trial in finished.new(folder, run)]
            stats = {**(response.get_json() or {}), "extended_stats": [{"key": TAB, "data": rows}]}
            response.set_data(json.dumps(stats))
        return response

    @ui.app.route("/waitbench/report")
    def report() -> Response:
        file = folder.path.resolve() / "report.html"
        if not file.is_file():
            abort(404, "the report is written when the run ends")
        return send_file(file)

    finished = _Finished()
    _offer_by_hand(environment, conductor, crew, run)


class _Finished:
    """The finished trials, each file read once. One that is damaged is left out here, and named in the report."""

    def __init__(self) -> None:
        self._trials: list[TrialRecord] = []
        self._read = 0

    def new(self, folder: RunFolder, run: RunRecord) -> list[TrialRecord]:
        planned = folder.read_run().trials if run.searching else run.trials  # a search adds to them
        for spec in planned[self._read :]:
            if not folder.has_trial(spec):
                break
            self._read += 1
            trials, _ = folder.sort_trials([spec])
            self._trials += trials
        return self._trials


def _row(trial: TrialRecord) -> dict[str, Any]:
    histogram = latency.merged([trial.latency.histogram]) if trial.latency else None
    quantile = {
        percent: f"{latency.percentile_us(histogram, percent) / 1000:.1f}" if histogram else "" for percent in (50, 99)
    }
    return {
        "name": trial.spec.file,
        "safe_name": trial.spec.file,
        "block": trial.spec.block,
        "variant": trial.spec.variant,
        "load": trial.spec.description,
        "goodput": f"{trial.measured.good / trial.window_s:.1f}",
        "p50": quantile[50],
        "p99": quantile[99],
        "errors": trial.measured.failed,
    }


def by_hand_choices(run: RunRecord) -> dict[str, TrialSpec]:
    """One entry for each service and request of the run."""
    return {_choice(spec): spec for spec in sorted(run.trials, key=lambda s: (s.variant, s.path))}


def _choice(spec: TrialSpec) -> str:
    """`flask-threads /wait?ms=100`; with the client's own part, where it has one."""
    size = [f"{spec.sends // 1024} KiB"] if spec.sends else []
    pace = [f"{spec.bytes_per_s // 1024} KiB/s"] if spec.bytes_per_s else []
    return " ".join([spec.variant, spec.path, *size, *(["at"] if pace else []), *pace])


def _offer_by_hand(environment: Any, conductor: Conductor, crew: Alone | Workers, run: RunRecord) -> None:
    """After the run, the UI's own start button loads the chosen service; nothing of that is recorded in the run."""
    choices = by_hand_choices(run)
    tests = itertools.count(1)
    latest = 0

    @environment.events.test_start.add_listener
    def join(environment: Any, **_: Any) -> None:
        nonlocal latest
        if conductor.busy:
            return
        spec = choices[environment.parsed_options.waitbench_target]
        users = max(1, int(environment.parsed_options.num_users or 1))
        plain: dict[str, Any] = {"scenario": "", "beside": None, "alone": False, "profile": []}
        load = {**plain, "load_model": "closed", "load": users, "warmup_s": 0.0, "measure_s": float(BY_HAND_S)}
        crew.prepare(spec.model_copy(update=load))
        crew.begin(time.perf_counter_ns() + int(crew.lead_s * 1e9))
        latest = next(tests)
        gevent.spawn_later(BY_HAND_S, stop, latest)

    @environment.events.test_stopping.add_listener
    def leave(**_: Any) -> None:
        if not conductor.busy:
            crew.stop()

    def stop(test: int) -> None:
        if test == latest:
            environment.runner.stop()
