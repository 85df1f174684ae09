"""Damaged or changed files of a run are named with the wrong field, and are part of no figure."""

import base64
import csv
import io
import json
import os
import shutil
import struct
import zlib
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from tests.cli.test_cli import Command, waitbench
from tests.made_up import runs
from waitbench.analysis.loading import load_comparison
from waitbench.errors import WaitbenchError
from waitbench.paths import ROOT
from waitbench.records.folder import RunFolder
from waitbench.report.contents import report_of
from waitbench.report.write import EXPORTERS
from waitbench.run.conclude import conclude

__all__ = ["waitbench"]

EXAMPLE = ROOT / "results" / "example"
SPECS = [runs.spec(variant, repeat=repeat) for variant in ("flask-threads", "django-gevent") for repeat in (1, 2)]
VICTIM = SPECS[0].file


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return runs.run_folder(tmp_path / "run", runs.run_record(SPECS), [runs.trial(spec) for spec in SPECS])


def with_field(path: str, value: Any) -> Callable[[Path], None]:
    """A function that sets one field of a JSON file. `path` joins the keys with dots."""
    return lambda file: set_field(file, tuple(int(key) if key.isdigit() else key for key in path.split(".")), value)


def set_field(file: Path, keys: tuple[str | int, ...], value: Any) -> None:
    record = json.loads(file.read_text())
    reduce(lambda inner, key: inner[key], keys[:-1], record)[keys[-1]] = value
    file.write_text(json.dumps(record))


def with_text(old: str, new: str) -> Callable[[Path], None]:
    """A function that replaces text in a JSON file, for values that a JSON library would not write."""

    def change(file: Path) -> None:
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))

    return change


def packed(data: bytes) -> str:
    """Bytes, compressed and encoded like those of a histogram."""
    inner = zlib.compress(data)
    return base64.b64encode(struct.pack(">II", 0x1C849314, len(inner)) + inner).decode()


def as_directory(file: Path) -> None:
    file.unlink()
    file.mkdir()


def as_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def as_huge(file: Path) -> None:
    """Make the file 500 MB long. It is sparse, so it takes no more disk space."""
    with file.open("r+b") as out:
        out.truncate(500 * 10**6)


def as_bomb(file: Path) -> None:
    with_field("latency.histogram", packed(bytes(64 * 2**20)))(file)


def as_latin(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b'"disturbance": ""', b'"disturbance": "\xe9"'))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(
            with_text('"window_s": 10.0', '"window_s": NaN'),
            "window_s: input should be a finite number",
            id="nan",
            marks=pytest.mark.fault(
                "data",
                "a trial file holds NaN",
                "it is left out and named with its field, the others are reported; exit code 3",
            ),
        ),
        pytest.param(
            with_text('"cpu_share": 0.3', '"cpu_share": -Infinity'),
            "generator.cpu_share: input should be a finite number",
            id="infinity",
            marks=pytest.mark.fault(
                "data", "a trial file holds Infinity", "it is left out and named with its field; exit code 3"
            ),
        ),
        pytest.param(
            with_text('"drain_s": 0.1', '"drain_s": 1e400'),
            "drain_s: input should be a finite number",
            id="1e400",
            marks=pytest.mark.fault(
                "data",
                "a number of a trial file is too large for a float (1e400)",
                "it is left out and named with its field; exit code 3",
            ),
        ),
        pytest.param(
            with_text('"good": 909', f'"good": {10**400}'),
            "measured.good: input should be less than or equal to",
            id="10 to the 400",
            marks=pytest.mark.fault(
                "data", "a count of a trial file has 401 digits", "it is left out and named with its field; exit code 3"
            ),
        ),
        pytest.param(with_text('"good": 909', f'"good": {"9" * 5000}'), "number out of range", id="5000 digits"),
        pytest.param(
            with_field("latency.count", 900),
            "latency.count: it is 900, and the histogram holds 909",
            id="count",
            marks=pytest.mark.fault(
                "numbers",
                "the count of a trial contradicts its histogram",
                "it is left out, with both numbers; exit code 3",
            ),
        ),
        pytest.param(
            with_field("latency.min_us", 10),
            "latency.min_us: it is 10, and the histogram begins at",
            id="min",
            marks=pytest.mark.fault(
                "numbers",
                "the shortest latency of a trial contradicts its histogram",
                "it is left out, with both numbers; exit code 3",
            ),
        ),
        pytest.param(
            with_field("latency.max_us", 1),
            "latency.max_us: it is 1, and the histogram ends at",
            id="max",
            marks=pytest.mark.fault(
                "numbers",
                "the longest latency of a trial contradicts its histogram",
                "it is left out, with both numbers; exit code 3",
            ),
        ),
        pytest.param(
            with_field("latency.sum_us", 909 * 111_000),
            "latency.sum_us: it is 100899000, and the histogram allows",
            id="sum",
            marks=pytest.mark.fault(
                "numbers",
                "the sum of a trial's latencies, and so its mean, contradicts its histogram",
                "it is left out, with both numbers; exit code 3",
            ),
        ),
        pytest.param(
            with_field("measured.good", 1818),
            "latency.count: it is 909, and 1818 requests were good or timed out",
            id="good",
            marks=pytest.mark.fault(
                "numbers",
                "a trial counts more good responses than it has latencies",
                "it is left out, with both numbers; exit code 3",
            ),
        ),
        pytest.param(
            with_field("spec.point.load", 20),
            "spec.point.load: it is 20, and run.json has 10",
            id="another load",
            marks=pytest.mark.fault(
                "numbers",
                "a trial file has another load than run.json",
                "it is left out, with both values; exit code 3",
            ),
        ),
        pytest.param(
            with_field("spec.variant", "fastapi-asyncio"),
            "spec.variant: it is 'fastapi-asyncio', and run.json has 'flask-threads'",
            id="another variant",
            marks=pytest.mark.fault(
                "numbers",
                "a trial file has another variant than run.json",
                "it is left out, with both values; exit code 3",
            ),
        ),
        pytest.param(
            with_field("window_s", 0),
            "window_s: input should be greater than 0, not 0",
            id="no window",
            marks=pytest.mark.fault(
                "data",
                "the measured window of a trial is zero, or negative",
                "it is left out and named with its field; exit code 3",
            ),
        ),
        pytest.param(
            with_field("window_s", -10), "window_s: input should be greater than 0, not -10", id="window below zero"
        ),
        pytest.param(
            with_field("window_s", 1.0),
            "window_s: it is 1, and 10 was planned",
            id="short window",
            marks=pytest.mark.fault(
                "numbers",
                "the window of a trial is a tenth of the planned one, so that its rate is ten times as high",
                "it is left out, with both values; exit code 3",
            ),
        ),
        pytest.param(
            with_field("latency.count", 0),
            "latency.count: input should be greater than or equal to 1, not 0",
            id="count of zero",
            marks=pytest.mark.fault(
                "data", "a trial counts zero latencies", "it is left out and named with its field; exit code 3"
            ),
        ),
        pytest.param(
            with_field("usage.before", {}),
            "usage.before.monotonic_s: field required",
            id="empty usage",
            marks=pytest.mark.fault(
                "data", "a reading of a service's usage is empty", "it is left out, with the missing key; exit code 3"
            ),
        ),
        pytest.param(
            with_field("usage.after.monotonic_s", 1.0),
            "usage.after.monotonic_s: it is earlier than another reading",
            id="clock",
            marks=pytest.mark.fault(
                "data",
                "the readings of a service's usage are not in the order of time",
                "it is left out and named with its field; exit code 3",
            ),
        ),
        pytest.param(
            with_field("measured.good", -909),
            "measured.good: input should be greater than or equal to 0, not -909",
            id="below zero",
            marks=pytest.mark.fault(
                "data", "a count of a trial file is negative", "it is left out and named with its field; exit code 3"
            ),
        ),
        pytest.param(with_field("measured.errors", {"timeout": -1}), "measured.errors.timeout", id="errors below zero"),
        pytest.param(
            with_field("drained", True),
            "drained: input should be a valid integer, not True",
            id="true",
            marks=pytest.mark.fault(
                "data",
                "a count of a trial file is a boolean or text",
                "it is left out and named with its field; exit code 3",
            ),
        ),
        pytest.param(with_field("drained", "1"), "drained: input should be a valid integer, not '1'", id="text"),
        pytest.param(with_field("thirds_iqm_us", [1]), "thirds_iqm_us: it has 1 values, not three", id="one third"),
        pytest.param(with_field("arrivals", None), "", id="nothing changed"),
        pytest.param(
            lambda file: file.write_bytes(file.read_bytes()[:1000]),
            "is damaged: ",
            id="truncated",
            marks=pytest.mark.fault("data", "a trial file is truncated", "it is left out and named; exit code 3"),
        ),
        pytest.param(
            as_huge,
            "it has 476.8 MiB; the limit is 16 MiB",
            id="500 MB",
            marks=pytest.mark.fault(
                "data",
                "a trial file has 500 MB",
                "it is not read; it is left out, with its size and the limit; exit code 3",
            ),
        ),
        pytest.param(
            with_field("timeline", json.loads("[" * 900 + "]" * 900)),
            "recursion limit exceeded",
            id="nested",
            marks=pytest.mark.fault(
                "data", "a trial file has hundreds of nested brackets", "it is left out and named; exit code 3"
            ),
        ),
        pytest.param(
            as_directory,
            "cannot be read: it is a directory",
            id="directory",
            marks=pytest.mark.fault(
                "data", "a directory is in place of a trial file", "it is left out and named; exit code 3"
            ),
        ),
        pytest.param(
            as_pipe,
            "cannot be read: it is a device or a pipe",
            id="pipe",
            marks=pytest.mark.fault(
                "hangs",
                "a pipe that nobody writes to is in place of a trial file",
                "the harness does not wait for it; it is left out and named; exit code 3",
            ),
        ),
        pytest.param(
            as_latin,
            "is damaged: ",
            id="latin-1",
            marks=pytest.mark.fault("data", "a trial file is not UTF-8", "it is left out and named; exit code 3"),
        ),
        pytest.param(
            with_field("latency.histogram", "no base64!"),
            "latency.histogram: it is not base64",
            id="no base64",
            marks=pytest.mark.fault(
                "data", "a histogram is not base64", "it is left out and named with its field; exit code 3"
            ),
        ),
        pytest.param(
            as_bomb,
            "latency.histogram: it unpacks to more than 262,144 bytes",
            id="bomb",
            marks=pytest.mark.fault(
                "security",
                "a histogram of 64 kilobytes unpacks to 64 MiB",
                "no more than 256 KiB are unpacked; it is left out and named with its field; exit code 3",
            ),
        ),
        pytest.param(
            with_field("latency.histogram", packed(struct.pack(">IIIIQQd", 0x1C849313, 0, 0, 5, 1, 2**62, 1.0))),
            "latency.histogram: it covers 1 to 4611686018427387904 µs with 5 digits",
            id="range",
            marks=pytest.mark.fault(
                "security",
                "a histogram asks for an array with a huge range",
                "the array is not created; it is left out and named with its field; exit code 3",
            ),
        ),
        pytest.param(
            with_field("latency.histogram", packed(b"short")),
            "latency.histogram: its header is incomplete",
            id="no header",
        ),
        pytest.param(with_field("latency.histogram", ""), "latency.histogram: ", id="no histogram"),
    ],
)
def test_a_damaged_trial_is_left_out_and_named_with_its_field(
    folder: RunFolder, change: Callable[[Path], None], says: str
) -> None:
    change(folder.trials / VICTIM)
    comparison = load_comparison(folder)
    if not says:
        assert comparison.damaged == []
        return
    (damaged,) = comparison.damaged
    assert damaged.spec == SPECS[0]
    assert damaged.why.startswith(f"trials/{VICTIM} ")
    assert says in damaged.why
    assert "\n" not in damaged.why
    assert damaged.why.endswith("Restore it, or remove it: a missing trial is reported as missing")
    assert sum(len(cell.trials) for cell in comparison.cells) == 3
    assert "3 of 4 trials are here; damaged: flask-threads 1." in comparison.state
    assert not comparison.all_valid


@pytest.mark.fault(
    "numbers",
    "a trial file is replaced by another contender's, so that its figures would count twice",
    "it is left out, with the name found and the name expected; exit code 3",
)
def test_a_copy_of_another_contender_s_trial_counts_once(folder: RunFolder) -> None:
    shutil.copy(folder.trials / SPECS[2].file, folder.trials / VICTIM)
    comparison = load_comparison(folder)
    (damaged,) = comparison.damaged
    assert f"spec.file: it is '{SPECS[2].file}', and run.json has '{VICTIM}'" in damaged.why
    assert {cell.variant: len(cell.trials) for cell in comparison.cells} == {"flask-threads": 1, "django-gevent": 2}


@pytest.mark.fault(
    "numbers",
    "a trial file is replaced by another repeat's, so that its figures would count twice",
    "it is left out, with the name found and the name expected; exit code 3",
)
def test_a_copy_of_another_repeat_counts_once(folder: RunFolder) -> None:
    shutil.copy(folder.trials / SPECS[1].file, folder.trials / VICTIM)
    (damaged,) = load_comparison(folder).damaged
    assert damaged.spec == SPECS[0]


@pytest.mark.fault(
    "data",
    "every trial file of a run is damaged",
    "each is named on a line of its own; the report has no figures; exit code 3",
)
def test_a_run_whose_trials_are_all_damaged_has_a_report_without_figures(waitbench: Command, folder: RunFolder) -> None:
    for spec in SPECS:
        (folder.trials / spec.file).write_text("{")
    done = waitbench("report", str(folder.path))
    assert done.returncode == 3
    assert "0 of 4 trials are here; damaged: flask-threads 2, django-gevent 2." in done.stdout
    assert [line.split(" is damaged: ")[0] for line in done.stderr.splitlines()] == [
        f"waitbench: {folder.trials / spec.file}" for spec in SPECS
    ]


def test_the_others_are_reported_and_every_format_names_the_damaged_one(waitbench: Command, folder: RunFolder) -> None:
    with_field("latency.count", 900)(folder.trials / VICTIM)
    done = waitbench("report", str(folder.path))
    assert done.returncode == 3
    assert done.stdout.splitlines()[-1] == str(folder.path / "report.html")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"waitbench: {folder.trials / VICTIM} is damaged: latency.count: it is 900")
    with (folder.path / "summary.csv").open(newline="") as file:
        assert {row["variant"]: row["trials"] for row in csv.DictReader(file)} == {
            "flask-threads": "1",
            "django-gevent": "2",
        }
    for name in ("report.md", "report.html"):
        text = (folder.path / name).read_text()
        assert f"trials/{VICTIM} is damaged: latency.count: it is 900, and the histogram holds 909" in text
        assert str(folder.path) not in text


@pytest.mark.fault(
    "data",
    "a trial file is damaged when a run ends",
    "the report leaves it out and names it; the run is not all-valid; exit code 3",
)
def test_a_run_that_ends_with_a_damaged_trial_is_not_all_valid(folder: RunFolder) -> None:
    as_directory(folder.trials / VICTIM)
    out = io.StringIO()
    outcome = conclude(Console(file=out, width=1000), folder, "complete")
    assert not outcome.all_valid
    assert f"trials/{VICTIM} cannot be read: it is a directory" in out.getvalue()
    assert (folder.path / "report.html").is_file()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(
            with_text('"seed": 7', '"seed": NaN'),
            "is damaged: seed: ",
            id="nan",
            marks=pytest.mark.fault("data", "run.json holds NaN", "refused on one line with the field; exit code 1"),
        ),
        pytest.param(with_text('"measure_s": 10.0', '"measure_s": Infinity'), "measure_s: ", id="infinity"),
        pytest.param(
            with_field("plan", {}),
            "is damaged: plan.title: field required",
            id="no plan",
            marks=pytest.mark.fault(
                "data", "a part of run.json is missing", "refused on one line with the field; exit code 1"
            ),
        ),
        pytest.param(with_field("sections", []), "sections: none has wait ms=100", id="no sections"),
        pytest.param(with_field("plan.repeats", "three"), "plan.repeats: ", id="text for a number"),
        pytest.param(with_field("environment", {"packages": 7}), "environment.packages: ", id="packages"),
        pytest.param(with_field("targets.flask-threads.info", {"versions": [1]}), "info.versions: ", id="versions"),
        pytest.param(
            with_field("targets", {}),
            "trials.0.variant: 'flask-threads' is not among the targets",
            id="no targets",
            marks=pytest.mark.fault(
                "data",
                "run.json has a trial of a contender that is not among its targets",
                "refused on one line with the field; exit code 1",
            ),
        ),
        pytest.param(
            with_field("trials.0.point.conditions.workload", "nap"), "workload: there is no workload 'nap'", id="nap"
        ),
        pytest.param(with_field("trials.0.point.conditions.params", {}), "params: wait needs ms", id="no parameter"),
        pytest.param(
            with_field("trials.0.point.conditions.params", {"ms": -1}), "params.ms: ", id="parameter below zero"
        ),
        pytest.param(
            with_field("trials.0.point.load", 0), "trials.0.point.load: input should be greater than 0", id="no load"
        ),
        pytest.param(
            with_field("trials.0.point.conditions.scenario", {"kind": "burst"}),
            "burst.stages: field required",
            id="no stages",
        ),
        pytest.param(
            with_field("trials.0.neighbours", {"path": "/", "body": ""}), "trials.0.neighbours: ", id="no mixed load"
        ),
        pytest.param(with_field("targets.flask-threads.budget.workers", -1), "budget.workers: ", id="budget"),
        pytest.param(
            with_field("trials.0.file", "../../../etc/passwd"),
            "trials.0.file: string should match pattern",
            id="path",
            marks=pytest.mark.fault(
                "security",
                "run.json names a trial file outside its folder",
                "refused on one line with the field; exit code 1",
            ),
        ),
        pytest.param(
            with_field("trials.1.file", VICTIM),
            "trials: two have the same file",
            id="file twice",
            marks=pytest.mark.fault(
                "numbers",
                "run.json names one trial file twice, so that its figures would count twice",
                "refused on one line with the field; exit code 1",
            ),
        ),
        pytest.param(
            as_huge,
            "it has 476.8 MiB; the limit is 64 MiB",
            id="500 MB",
            marks=pytest.mark.fault("data", "run.json has 500 MB", "it is not read; refused on one line; exit code 1"),
        ),
        pytest.param(
            as_pipe,
            "it is a device or a pipe",
            id="pipe",
            marks=pytest.mark.fault(
                "hangs",
                "a pipe is in place of run.json",
                "the harness does not wait for it; refused on one line; exit code 1",
            ),
        ),
        pytest.param(as_directory, "cannot be read: it is a directory", id="directory"),
    ],
)
def test_a_damaged_run_is_refused_with_its_field(
    waitbench: Command, folder: RunFolder, change: Callable[[Path], None], says: str
) -> None:
    change(folder.path / "run.json")
    done = waitbench("report", str(folder.path))
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("waitbench: ")
    assert "run.json" in line
    assert says in line
    assert not (folder.path / "report.html").exists()


Keys = tuple[str | int, ...]


def leaves(record: Any, keys: Keys = ()) -> list[Keys]:
    """The keys to every value of a JSON document that is no table. Only the first two items of a list are searched."""
    if isinstance(record, dict | list) and record:
        inner = record.items() if isinstance(record, dict) else enumerate(record[:2])
        return [each for key, value in inner for each in leaves(value, (*keys, key))]
    return [keys]


REAL = "001-flask-threads-db-100u.json"
"""A trial of the example run."""
FILES = ("run.json", f"trials/{REAL}")
LEAVES = [(name, keys) for name in FILES for keys in leaves(json.loads((EXAMPLE / name).read_text()))]
ODD: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([None, True, "", "\x1b[31m", "$x_{", [], {}, [[]], -1, 0, 1, 2**53 + 1, 10**400, 1e308, 5e-324]),
    st.integers(-10, 10**6),
    st.floats(),
    st.text(max_size=5),
)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The first block of the example run, which is a real one."""
    folder = RunFolder(shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("example") / "run"))
    record = json.loads((folder.path / "run.json").read_text())
    block = [spec for spec in record["trials"] if spec["block"] == 1]
    assert REAL in [spec["file"] for spec in block]
    set_field(folder.path / "run.json", ("trials",), block)
    return folder


def refused(folder: RunFolder) -> str:
    """Why a run is refused, or "" if it is reported. Checks that its figures are finite and that formats render."""
    try:
        comparison = load_comparison(folder)
        report = report_of(comparison, charted=False)
        files = dict(file for exporter in EXPORTERS for file in exporter(report))
    except WaitbenchError as error:
        return str(error)
    tables = [text for name, text in files.items() if name.endswith(".csv")]
    figures = {cell for text in tables for row in csv.reader(io.StringIO(text)) for cell in row}
    assert not {"nan", "inf", "-inf"} & figures
    assert len(comparison.damaged) <= 1
    assert not (comparison.damaged and comparison.all_valid)
    return ""


@settings(max_examples=60, deadline=None)
@given(leaf=st.sampled_from(LEAVES), value=ODD)
def test_one_field_changed_at_random_is_refused_or_gives_finite_figures(
    example: RunFolder, leaf: tuple[str, Keys], value: Any
) -> None:
    """Charts are left out, because they take a second."""
    name, keys = leaf
    file = example.path / name
    before = file.read_text()
    try:
        set_field(file, keys, value)
        why = refused(example)
    finally:
        file.write_text(before)
    assert not why or ("run.json" in why and "\n" not in why)
