"""The command line: what it prints, and how it exits."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from tests.made_up import runs
from waitbench import __version__
from waitbench.catalog.scenarios import SCENARIOS
from waitbench.catalog.variants import load_variants
from waitbench.catalog.workloads import WORKLOADS
from waitbench.cli.main import cli, main
from waitbench.errors import UsageError
from waitbench.launch.client import Service
from waitbench.launch.local import free_port
from waitbench.paths import PLANS, ROOT
from waitbench.plan.bundled import plan_names, plan_titles
from waitbench.records.folder import RunFolder
from waitbench.records.trial import TrialRecord
from waitbench.run.serve import commands

BAD_PLAN = 'title = "t"\nvariants = ["flask-threads"]\nmesure_s = 3\n[[cells]]\nworkload = "fast"\nusers = [1]\n'


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def in_a_process(*arguments: str, **environment: str) -> Done:
    """`waitbench` as a user starts it."""
    done = subprocess.run(
        [sys.executable, "-m", "waitbench", *arguments],
        capture_output=True,
        encoding="utf-8",
        cwd=ROOT,
        timeout=120,
        env={**os.environ, **environment},
    )
    assert "Traceback" not in done.stderr + done.stdout
    return Done(done.returncode, done.stdout, done.stderr)


Command = Callable[..., Done]


@pytest.fixture
def waitbench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """The same within this process, which has its libraries: a new process takes a second to import them."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def command(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["waitbench", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        return Done(code if isinstance(code, int) else int(code is not None), *capsys.readouterr())

    yield command
    for number, handler in handlers.items():
        signal.signal(number, handler)


def printed(*arguments: str) -> str:
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    return result.output


class TestList:
    def test_variants_are_those_of_the_one_list(self) -> None:
        found = json.loads(printed("list", "variants", "--json"))
        assert [item["name"] for item in found] == list(load_variants())
        assert all(item["budget"]["workers"] >= 1 and item["title"] for item in found)
        instruments = [item for item in found if item["kind"] == "instrument"]
        assert "null" in [item["name"] for item in instruments]
        assert all(item["workloads"] == ["fast", "wait"] for item in instruments)
        assert all(item["workloads"] == list(WORKLOADS) for item in found if item["kind"] == "contender")

    def test_a_trap_is_listed_with_its_mistake(self) -> None:
        traps = {name: variant.trap for name, variant in load_variants().items() if variant.kind == "trap"}
        listed = {line.split()[0]: line for line in printed("list", "variants").splitlines() if "(a trap: " in line}
        assert set(listed) == set(traps)
        assert all(listed[name].endswith(f" (a trap: {trap})") for name, trap in traps.items())

    def test_an_instrument_is_marked_as_not_a_contender(self) -> None:
        marked = [line for line in printed("list", "variants").splitlines() if "not a contender" in line]
        instruments = [name for name, variant in load_variants().items() if variant.kind == "instrument"]
        assert [line.split()[0] for line in marked] == instruments
        assert all("serves fast, wait" in line for line in marked)

    def test_workloads_are_listed_with_their_purpose_and_their_parameters(self) -> None:
        found = {item["name"]: item for item in json.loads(printed("list", "workloads", "--json"))}
        assert list(found) == [*WORKLOADS, *SCENARIOS]
        assert found["upstream"]["params"] == {"ms": [0, 60000], "calls": [1, 20], "serial": [0, 1]}
        assert all(item["shows"] for item in found.values())

    def test_plans_are_those_in_the_folder(self) -> None:
        found = json.loads(printed("list", "plans", "--json"))
        assert [item["name"] for item in found] == sorted(file.stem for file in PLANS.glob("*.toml"))
        assert all(item["cells"] and item["title"] for item in found)

    @pytest.mark.parametrize("what", ["variants", "workloads", "plans"])
    def test_a_person_gets_a_line_for_each(self, what: str) -> None:
        lines = printed("list", what).splitlines()
        assert len(lines) == len(json.loads(printed("list", what, "--json")))
        assert all(len(line.split()) > 1 for line in lines)


class TestHelp:
    @pytest.mark.parametrize("name", [[], *([name] for name in sorted(cli.commands))])
    @pytest.mark.parametrize("flag", ["--help", "-h"])
    def test_every_command_explains_itself(self, name: list[str], flag: str) -> None:
        out = printed(*name, flag)
        assert out.startswith(f"Usage: cli {' '.join(name)}".rstrip())
        text = cli.commands[name[0]].help if name else cli.help
        assert text
        assert text.split(".")[0].split(",")[0].split(";")[0][:30] in " ".join(out.split())

    def test_every_option_that_is_shown_says_what_it_does_or_its_default(self) -> None:
        for command in cli.commands.values():
            for option in command.params:
                if isinstance(option, click.Option) and not option.hidden:
                    assert option.help or option.show_default, f"{command.name} {option.name}"

    def test_the_version_is_the_package_s(self) -> None:
        assert __version__ in printed("--version")

    def test_it_names_every_plan_with_its_title(self) -> None:
        shown = " ".join(printed("--help").split())
        assert all(f"{name} {title}" in shown for name, title in plan_titles().items())
        assert list(plan_titles()) == plan_names()

    def test_it_shows_two_examples_that_the_command_accepts(self) -> None:
        examples = re.findall(r"^  waitbench (.+?)(?:  .*)?$", printed("--help"), re.MULTILINE)
        assert len(examples) == 2
        for example in examples:
            name, *arguments = example.split()
            context = cli.commands[name].make_context(name, arguments)
            assert context.params["plan"] in plan_names()
            assert set(context.params["workloads"]) <= set(WORKLOADS)

    def test_a_plan_file_that_is_broken_does_not_hide_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "broken.toml").write_text("title = ")
        monkeypatch.setattr("waitbench.plan.bundled.PLANS", tmp_path)
        assert re.search(r"^  broken *$", printed("--help"), re.MULTILINE)

    @pytest.mark.parametrize("arguments", ["--help", "list plans", "list variants", "list workloads"])
    def test_it_and_the_listings_import_no_library_that_only_a_run_needs(self, arguments: str) -> None:
        """These take seconds to import, all together."""
        slow = {"gevent", "httpx2", "jinja2", "locust", "matplotlib", "numpy", "rich", "scipy"}
        slow |= {"pydantic"} if arguments == "--help" else set()
        code = "import sys; from waitbench.cli.main import cli; "
        code += "cli(sys.argv[1:], standalone_mode=False); print(*sys.modules)"
        command = [sys.executable, "-c", code, *arguments.split()]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert slow & set(done.stdout.splitlines()[-1].split()) == set()


class TestCompletion:
    def completed(self, begun: str, *before: str) -> list[str]:
        """The words that a shell offers for `begun`, after the words before it."""
        items = ShellComplete(cli, {}, "waitbench", "_WAITBENCH_COMPLETE").get_completions(list(before), begun)
        return [item.value if item.type == "plain" else f"({item.type})" for item in items]

    def test_run_completes_the_names_of_plans(self) -> None:
        assert self.completed("", "run") == plan_names()
        assert self.completed("sm", "run") == ["smoke"]

    @pytest.mark.parametrize("begun", ["./", "loadtests/pl", "my-plan"])
    def test_run_completes_a_path_if_no_plan_has_such_a_name(self, begun: str) -> None:
        assert self.completed(begun, "run") == ["(file)"]

    @pytest.mark.parametrize(
        "before", ["run --variant", "run smoke --variant", "serve", "check", "check flask-threads"]
    )
    def test_variants_are_completed(self, before: str) -> None:
        assert self.completed("", *before.split()) == list(load_variants())
        assert self.completed("fastapi-a", *before.split()) == ["fastapi-asyncio"]

    def test_workloads_and_scenarios_are_completed(self) -> None:
        assert self.completed("", "run", "--workload") == [*WORKLOADS, *SCENARIOS]
        assert self.completed("up", "run", "--workload") == ["upstream", "upload"]

    @pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
    def test_bash_completes_with_the_line_of_the_readme(self, tmp_path: Path) -> None:
        [line] = re.findall(r"^eval .*bash_source.*$", (ROOT / "README.md").read_text(), re.MULTILINE)
        program = tmp_path / "waitbench"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m waitbench "$@"\n')
        program.chmod(0o755)
        typed = "COMP_WORDS=(waitbench run smoke --variant go); COMP_CWORD=4; _waitbench_completion waitbench"
        done = subprocess.run(
            ["bash", "--norc", "-c", f'{line}\n{typed}\necho "${{COMPREPLY[@]}}"'],
            capture_output=True, text=True, cwd=ROOT, timeout=60,
            env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        )  # fmt: skip
        assert done.stdout.split() == ["go"], done.stderr


class TestUsage:
    """Wrong usage exits with 2, says what would be right, and starts nothing."""

    @pytest.mark.parametrize(
        ("arguments", "advice"),
        [
            (["run", "quikc"], "did you mean 'quick'?"),
            (["run", "no/such/plan.toml"], "there is no plan file no/such/plan.toml"),
            (["run", "quick", "--variant", "flask-thread"], "did you mean 'flask-threads'?"),
            (["run", "quick", "--variant", "zzzzzz"], "there are: flask-threads"),
            (["run", "quick", "--workload", "upsteam"], "did you mean 'upstream'?"),
            (["run", "quick", "--workload", "nope"], "there are: fast, wait"),
            (["run", "smoke", "--workload", "fast"], "it has wait, upstream, db, disk"),
            (["run", "claims", "--variant", "null"], "nothing would be measured: the chosen cells name"),
            (
                ["run", "quick", "--engine", "compose", "--variant", "flask-free-threaded"],
                "flask-free-threaded can't be run here: it has no container; run it with --engine local",
            ),
            (["run", "quick", "--engine", "podman"], "'local'"),
            (["run", "quick", "--seed", "-1"], "--seed"),
            (["run", "quick", "--ui-port", "70000"], "--ui-port"),
            (["run", "--nope"], "--nope"),
            (["run", "quick", "smoke"], "smoke"),
            (["list"], "Missing argument"),
            (["list", "nothing"], "'variants'"),
            (["serve"], "Missing argument"),
            (["serve", "nope"], "there are: flask-threads"),
            (["serve", "flask-threads", "--port", "0"], "--port"),
            (["check", "nope"], "there are: flask-threads"),
            (["check", "--workload", "nope"], "there are: fast, wait"),
            (["report"], "Missing argument"),
            (["nope"], "nope"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else None,
    )
    def test_it_is_refused_with_the_fix(
        self, waitbench: Command, arguments: list[str], advice: str, tmp_path: Path
    ) -> None:
        out = ["--out", str(tmp_path / "out")] if arguments[0] == "run" else []
        done = waitbench(*arguments, *out)
        assert done.returncode == 2
        assert advice in done.stderr
        assert done.stdout == ""
        assert not (tmp_path / "out").exists()

    def test_a_bad_plan_is_refused_with_its_file_and_key(self, tmp_path: Path) -> None:
        file = tmp_path / "mine.toml"
        file.write_text(BAD_PLAN)
        done = in_a_process("run", str(file), "--out", str(tmp_path / "out"))
        assert (done.returncode, done.stdout) == (2, "")
        assert f"waitbench: {file}: this plan can't be run:" in done.stderr
        assert "mesure_s: unknown key; did you mean 'measure_s'?" in done.stderr

    def test_an_installed_package_starts_no_containers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("waitbench.cli.run.INSTALLED", True)
        refused = CliRunner().invoke(cli, ["run", "--engine", "compose"])
        assert isinstance(refused.exception, UsageError)
        assert str(refused.exception).endswith("use the .venv/bin/waitbench of a checkout, or run with --engine local")

    def test_a_file_for_a_folder_of_results_is_refused(self, waitbench: Command, tmp_path: Path) -> None:
        (tmp_path / "out").write_text("")
        assert waitbench("run", "smoke", "--out", str(tmp_path / "out")).returncode == 2


class TestCheck:
    @pytest.fixture
    def checked(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """The names that are passed to a check; nothing is started."""
        names: list[str] = []

        def check(chosen: list[str], *_: object) -> bool:
            names.extend(chosen)
            return True

        monkeypatch.setattr("waitbench.run.serve.check", check)
        return names

    def test_with_no_names_every_contender_is_checked_and_no_instrument(
        self, checked: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("waitbench.cli.check.missing", lambda variant: "")
        printed("check")
        compared = ("contender", "reference")
        assert checked == [name for name, variant in load_variants().items() if variant.kind in compared]

    def test_with_no_names_a_reference_that_is_not_on_this_machine_is_reported_and_left_out(
        self, checked: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("waitbench.cli.check.missing", lambda variant: variant.program and "no such program")
        assert "not checked: no such program" in CliRunner().invoke(cli, ["check"]).stderr
        here = [
            name for name, variant in load_variants().items() if variant.kind == "contender" and not variant.program
        ]
        assert checked == here

    def test_an_instrument_is_checked_when_it_is_named(self, checked: list[str]) -> None:
        printed("check", "null")
        assert checked == ["null"]


class TestReport:
    @pytest.fixture
    def run(self, made_trials: list[TrialRecord], tmp_path: Path) -> RunFolder:
        record = runs.run_record([trial.spec for trial in made_trials], title="Warten – 等待")
        return runs.run_folder(tmp_path / "run", record, made_trials[:9])

    def test_it_rebuilds_a_report_and_says_where_it_is(self, waitbench: Command, run: RunFolder) -> None:
        done = waitbench("report", str(run.path))
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines()[-1] == str(run.path / "report.html")
        assert "This run is complete. 9 of 27 trials are here" in done.stdout.splitlines()[0]
        assert {"report.html", "report.md", "summary.csv", "trials.csv", "charts"} <= {
            path.name for path in run.path.iterdir()
        }

    def test_it_writes_the_same_if_the_locale_of_the_machine_has_no_such_letters(
        self, waitbench: Command, run: RunFolder
    ) -> None:
        assert waitbench("report", str(run.path)).returncode == 0
        before = (run.path / "report.html").read_bytes()
        poor = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        assert in_a_process("report", str(run.path), **poor).returncode == 0
        assert (run.path / "report.html").read_bytes() == before
        assert "等待".encode() in before

    @pytest.mark.parametrize("name", ["nowhere", "."])
    def test_a_path_without_a_run_exits_with_1_and_advice(self, waitbench: Command, name: str, tmp_path: Path) -> None:
        done = waitbench("report", str(tmp_path / name))
        assert (done.returncode, done.stdout) == (1, "")
        assert "is not a run folder" in done.stderr


def test_serve_prints_a_command_for_each_workload() -> None:
    shown = commands("http://127.0.0.1:1", load_variants()["fastapi-asyncio"])
    assert len(shown) == 1 + len(WORKLOADS)
    assert {
        "curl 'http://127.0.0.1:1/info'",
        "curl 'http://127.0.0.1:1/upstream?ms=100&calls=3'",
        "curl --data-binary 'any bytes' 'http://127.0.0.1:1/upload'",
        "curl --limit-rate 64K --output /dev/null 'http://127.0.0.1:1/download?kib=200'",
    } <= set(shown)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder for temporary files: its path is short, and PostgreSQL's user can read it."""
    folder = Path(tempfile.mkdtemp(prefix="wbserve-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.live
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("variant", "last"), [("fastapi-asyncio", "/db?ms=1"), ("null", "/wait?ms=1")])
def test_serve_keeps_a_service_up_until_a_signal_ends_it(
    place: Path, number: signal.Signals, variant: str, last: str
) -> None:
    port = free_port()
    command = [sys.executable, "-m", "waitbench", "serve", variant, "--port", str(port)]
    alone = {**os.environ, "TMPDIR": str(place)}  # its own locks: others may measure on this machine
    with subprocess.Popen(
        command, cwd=ROOT, env=alone, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as served:
        try:
            assert served.stdout is not None
            printed_lines = list(iter(served.stdout.readline, "Ctrl-C ends it.\n"))
            with Service(f"http://127.0.0.1:{port}") as service:
                assert service.get(last).status_code == 200
            served.send_signal(number)
            _, err = served.communicate(timeout=60)
        finally:
            served.kill()
    assert served.returncode in (0, 130)
    paths = [line.partition(f":{port}/")[2].split("'")[0].split("?")[0] for line in printed_lines if "curl" in line]
    assert paths == ["info", *(name for name in WORKLOADS if load_variants()[variant].serves(name))]
    assert "Traceback" not in err
