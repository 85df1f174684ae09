"""The folder of a run: where its files are, and how they are read and written.

<run>/run.json                what was planned, on what, with which budgets; rewritten when the run ends
<run>/trials/*.json           one file for each trial, written once, when it ends
<run>/live.json               the current state, for anyone who watches; removed when the run ends
"""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from waitbench.errors import Unwritable, WaitbenchError
from waitbench.records.bounded_read import MIB, Unreadable, read_bounded
from waitbench.records.fault import first_fault
from waitbench.records.fields import SCHEMA_VERSION, Record
from waitbench.records.live import Live
from waitbench.records.run import RunRecord
from waitbench.records.spec import TrialSpec
from waitbench.records.trial import TrialRecord
from waitbench.records.whole_file import write_whole

UNWRITABLE_CODE = 74
"""The generator's exit code if it can't write a trial file (EX_IOERR of sysexits.h). It has no other way to report
this."""

TRIAL_MAX, RUN_MAX, LIVE_MAX = 16 * MIB, 64 * MIB, MIB
"""Limits in bytes. A trial of an hour with a burst has less than 1 MiB, a plan of 10,000 trials less than 20 MiB."""

_T = TypeVar("_T", bound=BaseModel)


class _Versioned(Record):
    schema_version: int


@dataclass(frozen=True)
class Damaged:
    """A trial whose file exists but cannot be used."""

    spec: TrialSpec
    why: str
    """The file's path in the run folder, the field, and what to do, on one line."""


class RunFolder:
    """The one place that knows where a run's files are."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trials = path / "trials"
        self._run = path / "run.json"
        self._live = path / "live.json"

    def write_run(self, run: RunRecord) -> None:
        _write(self._run, run)

    def read_run(self) -> RunRecord:
        """Raises WaitbenchError if there is no run, or if its parts do not agree."""
        from waitbench.records.consistency import run_fault
        from waitbench.records.schema_2 import upgraded_run

        if not os.path.exists(self._run):  # Path.exists raises if a name is too long
            raise WaitbenchError(f"{self.path} is not a run folder: it has no run.json. Run folders are in results/")
        return _read(self._run, RunRecord, RUN_MAX, run_fault, upgraded_run)

    def damaged_run(self, fault: str) -> WaitbenchError:
        """Return the error for a fault of run.json that only its reader can see."""
        return WaitbenchError(f"{self._run} is damaged: {fault}. {_ADVICE}")

    def write_trial(self, trial: TrialRecord) -> None:
        _write(self.trials / trial.spec.file, trial)

    def has_trial(self, spec: TrialSpec) -> bool:
        return (self.trials / spec.file).exists()

    def read_trials(self, run: RunRecord) -> list[TrialRecord]:
        """Return the finished trials in the planned order. Raises WaitbenchError if one is damaged."""
        return [self.read_trial(spec) for spec in run.trials if self.has_trial(spec)]

    def sort_trials(self, planned: Iterable[TrialSpec]) -> tuple[list[TrialRecord], list[Damaged]]:
        """Return the finished ones of some planned trials, and separately those whose files are damaged."""
        whole, damaged = [], []
        for spec in planned:
            if not self.has_trial(spec):
                continue
            try:
                whole.append(self.read_trial(spec))
            except WaitbenchError as error:
                damaged.append(Damaged(spec, str(error).removeprefix(f"{self.path}{os.sep}")))
        return whole, damaged

    def planned(self) -> list[TrialSpec]:
        """Return the planned trials of the run; none if it has not begun."""
        return self.read_run().trials if self._run.is_file() else []

    def read_trial(self, spec: TrialSpec) -> TrialRecord:
        """Raises WaitbenchError if the file is damaged, or belongs to another trial."""
        from waitbench.records.consistency import spec_difference, trial_fault
        from waitbench.records.schema_2 import upgraded_trial

        return _read(
            self.trials / spec.file,
            TrialRecord,
            TRIAL_MAX,
            lambda trial: spec_difference(trial.spec, spec) or trial_fault(trial),
            upgraded_trial,
        )

    def write_live(self, live: Live) -> None:
        _write(self._live, live)

    def read_live(self) -> Live | None:
        try:
            return Live.model_validate_json(read_bounded(self._live, LIVE_MAX))
        except (Unreadable, ValidationError):
            return None

    def drop_live(self) -> None:
        with suppress(OSError):  # a file that stays is no reason to end without a report
            self._live.unlink(missing_ok=True)


def now() -> datetime:
    return datetime.now(UTC)


def _write(path: Path, record: BaseModel) -> None:
    try:
        write_whole(path, record.model_dump_json(indent=1) + "\n")
    except OSError as error:
        raise Unwritable.because(path, error) from None


def _read(path: Path, record: type[_T], limit: int, fault: Callable[[_T], str], upgraded: Callable[[bytes], str]) -> _T:
    """Read a record. `upgraded` turns a file of schema version 2 into one of version 3."""
    try:
        raw = read_bounded(path, limit)
        version = _Versioned.model_validate_json(raw).schema_version
        if version not in (2, SCHEMA_VERSION):
            raise WaitbenchError(
                f"{path} has schema version {version}; this waitbench reads 2 and {SCHEMA_VERSION}. "
                "Report the run with the waitbench that made it"
            )
        found = record.model_validate_json(upgraded(raw) if version == 2 else raw, strict=True)
    except Unreadable as error:
        raise WaitbenchError(f"{path} cannot be read: {error}. {_ADVICE}") from None
    except ValidationError as error:
        raise WaitbenchError(f"{path} is damaged: {first_fault(error)}. {_ADVICE}") from None
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise WaitbenchError(f"{path} is damaged: as a file of schema version 2, {error!r}. {_ADVICE}") from None
    if what := fault(found):
        raise WaitbenchError(f"{path} is damaged: {what}. {_ADVICE}")
    return found


_ADVICE = "Restore it, or remove it: a missing trial is reported as missing"
