"""Additions to Locust's web UI: a guard, a tab with the finished trials, a link to the report, and loads by hand."""

import json
import os
from typing import Any

from flask import Response, abort, request, send_file

from loadtests.load_generator import LoadGenerator
from loadtests.manual_load import ManualLoads
from loadtests.session import Session
from loadtests.webui_guard import LARGEST_FORM, Guard, hosts
from waitbench.records import histogram
from waitbench.records.folder import RunFolder
from waitbench.records.run import RunRecord
from waitbench.records.trial import TrialRecord

TAB = "waitbench-trials"
COLUMNS = {
    "block": "Block",
    "variant": "Variant",
    "load": "Workload and load",
    "goodput": "Good responses/s",
    "p50": "p50 (ms)",
    "p99": "p99 (ms)",
    "errors": "Errors",
}


def extend(environment: Any, session: Session, generator: LoadGenerator, folder: RunFolder, run: RunRecord) -> None:
    ui = environment.web_ui
    guard(ui)
    ui.template_args |= {
        "extended_tabs": [{"title": "Finished trials", "key": TAB}],
        "extended_tables": [
            {"key": TAB, "structure": [{"key": key, "title": title} for key, title in COLUMNS.items()]}
        ],
        "extended_csv_files": [{"href": "/waitbench/report", "title": "Open the waitbench report"}],
    }

    @ui.app.before_request
    def stop_the_run() -> None:
        if request.method == "POST" and request.path == "/stop" and session.busy:
            session.stop()

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
    ManualLoads(environment, session, generator, run)


def guard(ui: Any) -> None:
    """Guard the UI, before it listens. In containers, users reach it by another port than it listens on."""
    outside = os.environ.get("WAITBENCH_UI_PORT_OUTSIDE", "")
    port = int(outside) if outside.isdecimal() else ui.port
    ui.app.config["MAX_CONTENT_LENGTH"] = LARGEST_FORM
    ui.app.wsgi_app = Guard(ui.app.wsgi_app, hosts(ui.host, {ui.port, port}), f"http://127.0.0.1:{port}")


class _Finished:
    """The finished trials. Each file is read once. A damaged one is left out here, and named in the report."""

    def __init__(self) -> None:
        self._trials: list[TrialRecord] = []
        self._read = 0

    def new(self, folder: RunFolder, run: RunRecord) -> list[TrialRecord]:
        planned = folder.read_run().trials if run.searching else run.trials  # the harness adds trials
        for spec in planned[self._read :]:
            if not folder.has_trial(spec):
                break
            self._read += 1
            trials, _ = folder.sort_trials([spec])
            self._trials += trials
        return self._trials


def _row(trial: TrialRecord) -> dict[str, Any]:
    merged = histogram.merged([trial.latency.histogram]) if trial.latency else None
    quantile = {
        percent: f"{histogram.percentile_us(merged, percent) / 1000:.1f}" if merged else "" for percent in (50, 99)
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
