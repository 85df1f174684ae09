"""Loads by hand: once a run is over, the start button of Locust's web UI loads a service of that run."""

import itertools
import math
import time
from collections.abc import Container, Mapping
from typing import Any

import gevent
from flask import Response, jsonify, request
from locust.util.timespan import parse_timespan
from werkzeug.datastructures import ImmutableMultiDict

from loadtests.load_generator import LoadGenerator
from loadtests.session import Session
from waitbench.records.load_point import Conditions, LoadPoint
from waitbench.records.run import RunRecord
from waitbench.records.spec import TrialSpec

LONGEST_S = 600
"""A load started by hand stops by itself after this time."""
MOST_USERS = 10_000
"""Each user is a greenlet and a connection, and takes about ten KiB."""
IDLE = {"ready", "stopped"}
"""The states of Locust in which there is no load."""


class Refused(Exception):
    """A load cannot be started as asked; the message is for the person at the web UI."""


def manual_choices(run: RunRecord) -> dict[str, TrialSpec]:
    """Return one entry for each service and request of the run."""
    return {_choice(spec): spec for spec in sorted(run.trials, key=lambda s: (s.variant, s.path))}


def _choice(spec: TrialSpec) -> str:
    """Return `flask-threads /wait?ms=100`, with the size and the pace of the client's body if it has these."""
    size = [f"{spec.sends // 1024} KiB"] if spec.sends else []
    pace = [f"{spec.bytes_per_s // 1024} KiB/s"] if spec.bytes_per_s else []
    return " ".join([spec.variant, spec.path, *size, *(["at"] if pace else []), *pace])


def manual_load(spec: TrialSpec, users: int) -> TrialSpec:
    """Return the measured requests of a trial as a closed loop without an end of its own."""
    conditions = Conditions(workload=spec.workload, params=spec.params)
    point = LoadPoint(conditions=conditions, load=users)
    plain = {"point": point, "neighbours": None, "alone": False, "warmup_s": 0.0, "measure_s": float(LONGEST_S)}
    return spec.model_copy(update=plain)


def checked(form: Mapping[str, str], targets: Container[str]) -> dict[str, str]:
    """Return the fields of Locust's start form that are used here. Raises Refused.

    Locust itself would accept any option of its command line in that form, and any number of users.
    """
    users, rate = form.get("user_count", ""), form.get("spawn_rate", "")
    if not 1 <= _number(users) <= MOST_USERS or not users.strip().isdecimal():
        raise Refused(
            f"a user count of {users[:40] or 'nothing'} is refused: give a whole number from 1 to {MOST_USERS:,}"
        )
    if not 0 < _number(rate) <= MOST_USERS:
        raise Refused(
            f"a ramp-up of {rate[:40] or 'nothing'} is refused: give a number of users per second up to {MOST_USERS:,}"
        )
    found = {"user_count": users, "spawn_rate": rate}
    if run_time := form.get("run_time", ""):
        if not 1 <= _seconds(run_time) <= LONGEST_S:
            raise Refused(
                f"a run time of {run_time[:40]} is refused: give one from 1s to {LONGEST_S // 60}m, or leave it empty"
            )
        found["run_time"] = run_time
    if target := form.get("waitbench_target", ""):
        if target not in targets:
            raise Refused(
                f"there is no target {target[:80]!r} in this run: choose one from the list, or reload this page"
            )
        found["waitbench_target"] = target
    return found


def _number(text: str) -> float:
    """Return NaN if the text is not a number: every comparison with it is false."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _seconds(run_time: str) -> int:
    """Return 0 if the text is not a time span."""
    try:
        return parse_timespan(run_time)
    except (ValueError, OverflowError):
        return 0


class ManualLoads:
    """Starts and stops loads by hand. The run records nothing of them."""

    def __init__(self, environment: Any, session: Session, generator: LoadGenerator, run: RunRecord) -> None:
        self._environment, self._session, self._generator = environment, session, generator
        self._choices = manual_choices(run)
        self._numbers = itertools.count(1)
        self._latest = 0
        environment.events.test_start.add_listener(self._join)
        environment.events.test_stopping.add_listener(self._leave)
        environment.web_ui.app.before_request(self._check_form)

    def _check_form(self) -> Response | None:
        """Return a refusal in the form that Locust's front end shows. None lets Locust use the checked fields."""
        if request.method != "POST" or request.path != "/swarm":
            return None
        try:
            self._require_idle()
            fields = checked(request.form.to_dict(), self._choices)
        except Refused as why:
            return jsonify({"success": False, "message": str(why), "host": None})
        request.form = ImmutableMultiDict(fields)
        return None

    def _require_idle(self) -> None:
        if self._session.busy:
            raise Refused("a run is going on: wait until it is over, or stop it, before you start a load by hand")
        if self._environment.runner.state not in IDLE:
            raise Refused("a load is going on: stop it before you start another")

    def _join(self, **_: Any) -> None:
        if self._session.busy:
            return
        options = self._environment.parsed_options
        spec = self._choices[options.waitbench_target]
        self._generator.prepare(manual_load(spec, users=int(options.num_users or 1)))
        self._generator.begin(time.perf_counter_ns() + int(self._generator.lead_s * 1e9))
        self._latest = next(self._numbers)
        gevent.spawn_later(LONGEST_S, self._stop, self._latest)

    def _leave(self, **_: Any) -> None:
        if not self._session.busy:
            self._generator.stop()

    def _stop(self, test: int) -> None:
        if test == self._latest:
            self._environment.runner.stop()
