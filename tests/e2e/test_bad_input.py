"""Wrong plans and options are refused with exit code 2, the key, and what would be right."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from tests.cli.test_cli import Command, waitbench
from waitbench.catalog.variants import load_variants
from waitbench.cli.main import cli
from waitbench.paths import ROOT
from waitbench.plan.plan_file import load_plan

__all__ = ["waitbench"]

TOP = 'title = "t"\nvariants = ["null"]\nrepeats = 1\n'
CELL = '[[cells]]\nworkload = "fast"\nusers = [1]\n'
MINE = '[[external]]\nname = "{}"\nbase_url = "{}"\npaths = {{ wait = "{}" }}\n'
MANY = "".join(f'[[cells]]\nworkload = "fast"\nusers = [{users}]\n' for users in range(1, 502))
TWENTY = ", ".join(str(users) for users in range(1, 101))
HEAVY = "".join(f'[[cells]]\nworkload = "wait"\nparams = {{ ms = {ms} }}\nusers = [{TWENTY}]\n' for ms in (1, 2))


def url(text: str) -> str:
    return TOP + CELL + MINE.format("mine", text, "/")


def refused(waitbench: Command, plan: Path | str, tmp_path: Path) -> str:
    """The error message of `waitbench run` for a plan that it refuses."""
    done = waitbench("run", str(plan), "--no-ui", "--out", str(tmp_path / "out"))
    assert (done.returncode, done.stdout) == (2, "")
    assert not (tmp_path / "out").exists()
    assert len(done.stderr) < 4000
    return done.stderr


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(
            TOP + "x = " + "[" * 20_000 + "]" * 20_000 + "\n" + CELL,
            "not valid TOML: too many nested brackets",
            id="brackets",
            marks=pytest.mark.fault(
                "input", "a plan has 20,000 nested brackets", "refused with the file's name; exit code 2"
            ),
        ),
        pytest.param(
            TOP + CELL + MINE.format("a" * 250, "http://127.0.0.1:9", "/"),
            "external[0].name: too long: 250 letters; give at most 64",
            id="long name",
            marks=pytest.mark.fault(
                "input",
                "an external service has a name of 250 letters, more than a file name can have",
                "refused with the limit before anything starts; exit code 2",
            ),
        ),
        pytest.param(
            TOP + "#" * 2**20 + "\n" + CELL,
            "it has 1.0 MiB; the limit is 1 MiB",
            id="long",
            marks=pytest.mark.fault(
                "input",
                "a plan is larger than 1 MiB",
                "it is not read; refused with its size and the limit; exit code 2",
            ),
        ),
        pytest.param(
            b'title = "\xe9"\n',
            "not valid TOML: 'utf-8' codec can't decode byte 0xe9",
            id="latin-1",
            marks=pytest.mark.fault("input", "a plan is not UTF-8", "refused with the byte; exit code 2"),
        ),
        pytest.param(
            TOP + "repeats = 2\n" + CELL,
            "not valid TOML: Cannot overwrite a value (at line 4",
            id="key twice",
            marks=pytest.mark.fault("input", "a plan has the same key twice", "refused with the line; exit code 2"),
        ),
        pytest.param(
            TOP + "measure_s = nan\n" + CELL,
            "measure_s: input should be a finite number, not nan",
            id="nan",
            marks=pytest.mark.fault("input", "a number in a plan is NaN", "refused with the key; exit code 2"),
        ),
        pytest.param(
            TOP + "measure_s = inf\n" + CELL,
            "measure_s: input should be a finite number, not inf",
            id="infinity",
            marks=pytest.mark.fault(
                "input", "a number in a plan is infinite, or too large for a float", "refused with the key; exit code 2"
            ),
        ),
        pytest.param(TOP + "measure_s = 1e400\n" + CELL, "measure_s: input should be a finite number", id="1e400"),
        pytest.param(
            TOP + f"measure_s = {10**400}\n" + CELL,
            "measure_s: input should be a valid number, not 1000000000000000000000000000...000",
            id="10 to the 400",
            marks=pytest.mark.fault(
                "input",
                "a number in a plan has hundreds of digits",
                "refused with the key, and the first and last digits; exit code 2",
            ),
        ),
        pytest.param(
            TOP + f"measure_s = {'9' * 5000}\n" + CELL,
            "not valid TOML: an integer of thousands of digits",
            id="5000 digits",
            marks=pytest.mark.fault(
                "input",
                "a number in a plan has more digits than Python reads",
                "refused with the file's name; exit code 2",
            ),
        ),
        pytest.param(
            TOP + "measure_s = -1\n" + CELL,
            "measure_s: -1 is out of range; give at least 0.5",
            id="below zero",
            marks=pytest.mark.fault(
                "input", "a number in a plan is negative", "refused with the key and the bound; exit code 2"
            ),
        ),
        pytest.param(
            (TOP + CELL).replace("repeats = 1", "repeats = true"),
            "repeats: input should be a valid integer, not True",
            id="boolean",
            marks=pytest.mark.fault("input", "a number in a plan is a boolean", "refused with the key; exit code 2"),
        ),
        pytest.param(
            TOP + '[[cells]]\nworkload = "fast"\nusers = []\n',
            "cells[0].users: empty; give at least one",
            id="no users",
            marks=pytest.mark.fault("input", "a list in a plan is empty", "refused with the key; exit code 2"),
        ),
        pytest.param(
            TOP + MANY,
            "cells: too many: 501; give at most 500",
            id="cells",
            marks=pytest.mark.fault("input", "a plan has hundreds of cells", "refused with the limit; exit code 2"),
        ),
        pytest.param(
            TOP + '[[cells]]\nworkload = "fast"\nusers = [' + ", ".join(map(str, range(1, 20_001))) + "]\n",
            "cells[0].users: too many: 20,000; give at most 100",
            id="loads",
            marks=pytest.mark.fault(
                "hangs",
                "a cell has 20,000 loads, which took minutes to compare with each other",
                "refused with the limit; exit code 2",
            ),
        ),
        pytest.param(
            TOP.replace("repeats = 1", "repeats = 100") + HEAVY,
            "cells: 20,000 trials in all; a run has at most 10,000",
            id="trials",
            marks=pytest.mark.fault(
                "input", "a plan has 20,000 trials", "refused with the number and the limit; exit code 2"
            ),
        ),
        pytest.param(
            TOP + "".join('[[cells]]\nworkload = "nope"\n' for _ in range(400)),
            "  and 380 more",
            id="mistakes",
            marks=pytest.mark.fault(
                "input", "a plan has hundreds of mistakes", "the first 20 are listed, the others counted; exit code 2"
            ),
        ),
        pytest.param(
            TOP.replace('"t"', '"\\u001b]0;owned\\u0007"') + CELL,
            r"title: it holds the control character \x1b",
            id="escape sequence",
            marks=pytest.mark.fault(
                "input", "the title of a plan holds an escape sequence", "refused with the key; exit code 2"
            ),
        ),
        pytest.param(TOP.replace('"t"', '"\\u0000"') + CELL, r"title: it holds the control character \x00", id="nul"),
        pytest.param(TOP.replace('"t"', '"\\u202e"') + CELL, r"it holds the control character \u202e", id="rtl"),
        pytest.param(TOP.replace('"t"', f'"{"t" * 201}"') + CELL, "title: too long: 201 letters; give at most", id="t"),
        pytest.param(
            TOP + CELL + MINE.format("mine", "http://127.0.0.1:9", "/{ms:999999999}"),
            "'/{ms:999999999}' has an unknown placeholder; known: {ms}",
            id="width",
            marks=pytest.mark.fault(
                "security",
                "a path in a plan has a format width of a gigabyte, as in {ms:999999999}",
                "refused before it is formatted; exit code 2",
            ),
        ),
        pytest.param(
            TOP + CELL + MINE.format("mine", "http://127.0.0.1:9", "/{ms.__class__}"), "unknown placeholder", id="class"
        ),
        pytest.param(
            TOP + 'claims = "/dev/zero"\n' + CELL,
            "/dev/zero: cannot be read: it is a device or a pipe",
            id="claims without end",
            marks=pytest.mark.fault(
                "hangs", "a plan names a claims file that never ends", "it is not read; refused; exit code 2"
            ),
        ),
        pytest.param(TOP + 'claims = "a\\u0000b"\n' + CELL, "no file can have this name", id="nul path"),
        pytest.param(
            url("http://user:secret@127.0.0.1:9"),
            "is not of the form http://HOST:PORT",
            id="credentials",
            marks=pytest.mark.fault(
                "input",
                "the base_url of an external service has credentials, a fragment, a query, blanks or a newline",
                "refused with the correct form; exit code 2",
            ),
        ),
        pytest.param(url("http://127.0.0.1:9#x"), "is not of the form", id="fragment"),
        pytest.param(url("http://127.0.0.1:9?x=1"), "is not of the form", id="query"),
        pytest.param(url("http://127.0.0.1:9\\n"), "is not of the form", id="newline"),
        pytest.param(url("http://local host:9"), "is not of the form", id="blank"),
        pytest.param(url("http://localhost\\\\@example.org:9"), "is not of the form", id="backslash"),
        pytest.param(
            url("http://127.0.0.1:0"),
            "is not of the form",
            id="port 0",
            marks=pytest.mark.fault(
                "input",
                "the port of an external service is 0, 99999, empty or no number",
                "refused with the correct form; exit code 2",
            ),
        ),
        pytest.param(url("http://127.0.0.1:99999"), "is not of the form", id="port 99999"),
        pytest.param(url("http://127.0.0.1:"), "is not of the form", id="no port"),
        pytest.param(url("http://127.0.0.1:9_0"), "is not of the form", id="port 9_0"),
        pytest.param(
            url("http://ｌｏｃａｌｈｏｓｔ:9"),
            "is not of the form",
            id="wide letters",
            marks=pytest.mark.fault(
                "input", "the host of an external service is not ASCII", "refused with the form; exit code 2"
            ),
        ),
        pytest.param(
            url("file:///etc/passwd"),
            "is not of the form",
            id="file",
            marks=pytest.mark.fault(
                "input", "the base_url of an external service is file: or https:", "refused; exit code 2"
            ),
        ),
        pytest.param(url("https://127.0.0.1:9"), "is not of the form", id="https"),
        pytest.param(url("http://[::1"), "is not of the form", id="half an IPv6 address"),
    ],
)
def test_a_wrong_plan_is_refused_with_a_message_that_names_the_mistake(
    waitbench: Command, tmp_path: Path, text: str | bytes, says: str
) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert says in refused(waitbench, file, tmp_path)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "LOCALHOST"])
def test_every_name_of_this_machine_is_accepted(tmp_path: Path, host: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(url(f"http://{host}:9"))
    assert load_plan(file, load_variants()).external[0].base_url == f"http://{host}:9"


@pytest.mark.fault("input", "a plan begins with a byte order mark, as some editors write it", "it is ignored")
def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(b"\xef\xbb\xbf" + (TOP + CELL).replace("\n", "\r\n").encode())
    assert load_plan(file, load_variants()).title == "t"


class TestFile:
    """Paths that are named as a plan but are not plan files."""

    @pytest.fixture
    def bounded(self) -> Iterator[None]:
        """Limit memory to 8 GiB, so that if the device is read, the test fails and not the machine."""
        before = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, before[1]))
        yield
        resource.setrlimit(resource.RLIMIT_AS, before)

    @pytest.mark.fault("input", "the plan is a directory", "refused with that reason; exit code 2")
    def test_a_directory_is_refused(self, waitbench: Command, tmp_path: Path) -> None:
        (tmp_path / "mine.toml").mkdir()
        assert "mine.toml: it is a directory" in refused(waitbench, tmp_path / "mine.toml", tmp_path)

    @pytest.mark.fault("hangs", "the plan is a pipe that nobody writes to", "refused without waiting; exit code 2")
    def test_a_pipe_is_refused(self, waitbench: Command, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "mine.toml")
        assert "mine.toml: it is a device or a pipe" in refused(waitbench, tmp_path / "mine.toml", tmp_path)

    @pytest.mark.fault("hangs", "the plan is a device that never ends", "refused without reading; exit code 2")
    @pytest.mark.usefixtures("bounded")
    def test_a_device_is_refused(self, waitbench: Command, tmp_path: Path) -> None:
        assert "/dev/zero: it is a device or a pipe" in refused(waitbench, "/dev/zero", tmp_path)

    @pytest.mark.fault("input", "a plan has 100 MB", "it is not read; refused with its size and the limit; exit code 2")
    def test_a_huge_file_is_refused(self, waitbench: Command, tmp_path: Path) -> None:
        with (tmp_path / "mine.toml").open("wb") as out:
            out.truncate(100 * 10**6)
        message = refused(waitbench, tmp_path / "mine.toml", tmp_path)
        assert "mine.toml: cannot be read: it has 95.4 MiB; the limit is 1 MiB" in message

    @pytest.mark.parametrize(
        ("name", "says"),
        [
            pytest.param(
                "a" * 240 + ".toml",
                "the file name has 240 letters; shorten it to at most 100",
                id="long",
                marks=pytest.mark.fault(
                    "input",
                    "the name of a plan's file is too long for a results folder, whose name begins with it",
                    "refused with the limit before anything starts; exit code 2",
                ),
            ),
            pytest.param(
                "a\x1b[31mb.toml",
                "the file name has a character that cannot be printed",
                id="escape sequence",
                marks=pytest.mark.fault(
                    "input", "the name of a plan's file holds an escape sequence", "refused; exit code 2"
                ),
            ),
        ],
    )
    def test_a_file_name_that_cannot_name_a_folder_is_refused(
        self, waitbench: Command, tmp_path: Path, name: str, says: str
    ) -> None:
        (tmp_path / name).write_text(TOP + CELL)
        message = refused(waitbench, tmp_path / name, tmp_path)
        assert says in message
        assert "\x1b" not in message

    @pytest.mark.parametrize(
        "name",
        [
            pytest.param(
                "../quick",
                marks=pytest.mark.fault(
                    "input",
                    "the name of a plan has a slash or ..",
                    "it is taken as a path, which does not exist; exit code 2",
                ),
            ),
            "a/b",
            "..",
            "",
            pytest.param(
                "x" * 5000 + ".toml",
                id="5000 letters",
                marks=pytest.mark.fault(
                    "input", "the path of a plan has 5,000 letters", "refused, without a traceback; exit code 2"
                ),
            ),
        ],
    )
    def test_a_name_without_a_plan_is_refused(self, waitbench: Command, tmp_path: Path, name: str) -> None:
        done = waitbench("run", name, "--out", str(tmp_path / "out"))
        assert done.returncode == 2
        assert "plan" in done.stderr


def options() -> Iterator[Any]:
    """Wrong values for every option of every command, chosen by the option's name or click type."""
    needed = {"list": ["plans"], "run": ["smoke"], "serve": ["null"], "report": ["nowhere"]}
    needed["size"] = ["--rate", "100", "--wait-ms", "100", "--p99-ms", "250"]
    for command in (cli, *cli.commands.values()):
        before = [] if command is cli else [command.name or "", *needed.get(command.name or "", [])]
        for option in command.params:
            if isinstance(option, click.Option) and not option.is_flag:
                kind = option.name if option.name in WRONG else type(option.type).__name__
                for value in WRONG[kind]:
                    name = f"{command.name} {option.opts[0]} {value!r:.20}"
                    yield pytest.param([*before, option.opts[0], value], id=name)


WRONG: dict[str, list[str]] = {
    "IntRange": ["", "-1", "x", "1.5", "1e3", "99999999999999999999", "0x10", "٩x"],
    "IntParamType": ["", "-1", "x", "1.5", "1e3", "99999999999999999999", "0x10", "٩x"],
    "FloatParamType": ["", "-1", "x", "nan", "inf", "1e400", "0x10", "٩x"],
    "Choice": ["", "podman", "LOCAL "],
    "names": ["", "nope", "null", "go "],  # of the command size
    "variants": ["", "nope", "../null", "null ", "x" * 1000],
    "workloads": ["", "nope", "wait "],
    "name": ["", "../x", "/tmp/x", "a/b", ".", "..", "x" * 300, "a\nb", "a b", "-x", "\x1b[31m"],
    "out": ["/dev/null", "/etc/passwd"],
    "ui_host": [],  # hidden: only the load container uses it
}
"""Wrong values, by the name of an option or by its click type."""


@pytest.mark.fault(
    "input",
    "an option of a command has a wrong value: empty, no number, out of range, a file for a folder, ../",
    "refused with the option, or with the valid names; exit code 2; nothing is started",
)
@pytest.mark.parametrize("arguments", list(options()))
def test_a_wrong_value_of_any_option_is_refused(waitbench: Command, tmp_path: Path, arguments: list[str]) -> None:
    out = (
        ["--out", str(tmp_path / "out")]
        if arguments[0] in ("run", "calibrate", "size") and "--out" not in arguments
        else []
    )
    done = waitbench(*arguments, *out)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr
    assert "\x1b" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.fault(
    "input", "an argument of a command holds an escape sequence", "the message shows it as text; exit code 2"
)
@pytest.mark.parametrize("arguments", [["run", "\x1b[31mx"], ["check", "\x1b[31m"], ["serve", "\x1b]0;x\x07"]])
def test_an_argument_is_shown_as_text(waitbench: Command, arguments: list[str]) -> None:
    done = waitbench(*arguments)
    assert done.returncode == 2
    assert "\x1b" not in done.stderr


def test_a_wrong_plan_gives_no_traceback_in_a_real_process(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(TOP + "x = " + "[" * 20_000)
    done = subprocess.run(
        [sys.executable, "-m", "waitbench", "run", str(tmp_path / "mine.toml")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [["report"], ["run", "smoke", "--no-ui", "--out"]])
def test_a_path_that_is_too_long_for_the_system_is_refused(waitbench: Command, arguments: list[str]) -> None:
    done = waitbench(*arguments, "/" + "x" * 5000)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("waitbench: /xxx")
