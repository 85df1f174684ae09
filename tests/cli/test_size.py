"""`waitbench size`: what it refuses, what it prints, and how it exits. tests/e2e/test_size_run.py measures."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from waitbench.analysis.sizing.recommendation import Goal, Measured, Recommendation, Size
from waitbench.catalog.variants import load_variants
from waitbench.cli.main import cli
from waitbench.cli.size import size as command
from waitbench.errors import Interrupted, UsageError
from waitbench.run.size import Sizer, Sizing

GOOD = {"--rate": "300", "--wait-ms": "120", "--p99-ms": "250"}
FIGURES = Measured(cpu_s=0.0004, latencies_s=(0.1204,) * 50, idle_mib=80, mib_per_request=0.5, rate=100)
FOUND = Recommendation(Goal(300, 120, 250), load_variants()["flask-threads"], FIGURES, Size(1, 41), 41, 196.0, 4096)


def size(*more: str, **changes: str) -> Result:
    options = GOOD | {f"--{name.replace('_', '-')}": value for name, value in changes.items()}
    return CliRunner().invoke(cli, ["size", *(part for pair in options.items() for part in pair), *more])


@pytest.mark.parametrize(
    ("changes", "name", "says"),
    [
        ({"rate": "0"}, "", r"--rate 0 is out of range; give 25 to 20,000 requests per second: a p99 needs 1,000"),
        ({"rate": "-5"}, "", "--rate -5 is out of range"),
        ({"rate": "nan"}, "", "--rate nan is out of range"),
        ({"rate": "90000"}, "", "--rate 90000 is out of range; .* divide"),
        ({"wait_ms": "0"}, "", "--wait-ms 0 is out of range; give 1 to 3,000: each trial lasts several waits"),
        ({"wait_ms": "60000", "p99_ms": "90000"}, "", "--wait-ms 60000 is out of range"),
        ({"p99_ms": "120"}, "", "--p99-ms 120 can't be met: each request waits 120 ms already; give more"),
        ({"p99_ms": "nan"}, "", "--p99-ms nan can't be met"),
        ({"p99_ms": "1e9"}, "", "--p99-ms 1e.09 is out of range; give at most 30,000"),
        ({}, "flask", "no variant named 'flask'; there are: flask-threads"),
        ({}, "null", "null can't be sized: it is an instrument, not a service; `waitbench list variants`"),
        ({}, "bare-gthread", "bare-gthread can't be sized: it is an instrument"),
        ({}, "fastapi-threads-40", "can't be sized: it is wrong on purpose: FastAPI runs plain def in 40 threads"),
        ({}, "node-cluster", "node-cluster can't be sized: it always has 2 processes; size a variant with one"),
        ({}, "django-sync", "django-sync can't be sized: each of its processes serves one request at a time"),
    ],
)
def test_what_cannot_be_sized_is_refused_with_advice(changes: dict[str, str], name: str, says: str) -> None:
    found = size(*(["--variant", name] if name else []), **changes)
    assert isinstance(found.exception, UsageError)
    with pytest.raises(UsageError, match=says):
        raise found.exception


@pytest.mark.parametrize("missing", GOOD)
def test_each_part_of_the_goal_is_required(missing: str) -> None:
    options = [part for pair in GOOD.items() if pair[0] != missing for part in pair]
    found = CliRunner().invoke(cli, ["size", *options])
    assert found.exit_code == 2
    assert f"Missing option '{missing}'" in found.output


def test_help_says_how_long_it_takes_and_what_it_confirms() -> None:
    text = " ".join(CliRunner().invoke(cli, ["size", "--help"]).output.split())
    assert "about two minutes for each variant" in text
    assert "Exits 0 if the recommended configuration meets the objective and the smaller one does not" in text


class TestPrinted:
    @pytest.fixture
    def sized(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Replace the runs by one recommendation. The names of the variants that were to be sized are recorded."""
        names: list[str] = []

        def made(sizer: Sizer, calculated: Any) -> None:
            names.extend(variant.name for variant in sizer.variants)
            sizer.found.append(Sizing(FOUND, why_not="not confirmed: a reason"))
            sizer.folders.append(Path("results/a-run"))
            calculated(sizer.found[0])

        monkeypatch.setattr(Sizer, "size", made)
        return names

    def test_by_default_the_three_contenders_that_compose_starts_are_sized(self, sized: list[str]) -> None:
        assert size().exit_code == 3
        assert sized == ["flask-threads", "django-gevent", "fastapi-asyncio"]

    def test_people_get_the_arithmetic_then_the_verdict_then_the_folder(self, sized: list[str]) -> None:
        lines = size("--variant", "flask-threads").output.splitlines()
        assert lines[0] == "Flask on threads (flask-threads): 1 process, 41 threads, 121 MiB of memory"
        assert "not confirmed: a reason" in lines[-2]
        assert lines[-1] == "results/a-run"
        assert sized == ["flask-threads"]

    def test_programs_get_json_alone(self, sized: list[str]) -> None:
        found = size("--variant", "flask-threads", "--json")
        shown = json.loads(found.output)
        assert found.exit_code == 3
        assert shown["runs"] == ["results/a-run"]
        assert shown["sizes"][0]["recommended"] == {"workers": 1, "in_flight": 41, "pool": 41, "memory_mib": 120.6}
        assert sized

    def test_after_ctrl_c_what_is_known_is_printed(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def made(sizer: Sizer, calculated: Any) -> None:
            sizer.found.append(Sizing(FOUND))
            calculated(sizer.found[0])
            raise Interrupted("signal SIGINT")

        monkeypatch.setattr(Sizer, "size", made)
        assert command.callback
        with pytest.raises(Interrupted):
            command.callback(300.0, 120, 250.0, ("flask-threads",), False, Path("results"))
        lines = capsys.readouterr().out.splitlines()
        assert "1 process, 41 threads" in lines[0]
        assert "not confirmed: it was not measured" in lines[-1]
