"""Adds a workload to a copy of the checkout, by the files that CONTRIBUTING lists and no others.

`add_a_workload/` has what each file gets. A file that ends in `.part` says at which line its pieces are inserted, and
any other file is new.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from waitbench.paths import ROOT

pytestmark = pytest.mark.live

PIECES = Path(__file__).parent / "add_a_workload"
NAME = "pause"
MOST_FILES = 12
PATIENCE_S = 120.0
COPIED = ("waitbench", "services", "loadtests", "tests", "docs", "CONTRIBUTING.md", "pyproject.toml")
LEFT_OUT = shutil.ignore_patterns("node_modules", "build", "bundle", "__pycache__")
EVERY_FRAMEWORK = (
    "flask-threads", "flask-asyncio", "django-gevent", "django-asyncio", "fastapi-asyncio", "fastapi-threads",
    "quart-asyncio",
)  # fmt: skip
STATIC_TESTS = (
    "tests/services/test_likeness.py",
    "tests/services/test_contract.py::test_every_workload_is_in_the_contract_and_the_contract_names_no_other",
    f"tests/services/test_contract.py::test_the_harness_and_the_contract_state_the_same_parameters[{NAME}]",
    f"tests/services/test_contract.py::test_the_services_accept_the_parameters_of_the_contract[/{NAME}]",
    f"tests/services/test_contract.py::test_the_contract_allows_what_the_harness_calls_correct[{NAME}]",
    "tests/services/test_contract.py::test_every_example_in_the_contract_is_allowed_by_it",
    "tests/plan/test_plan.py::test_full_covers_everything_and_ends_within_half_an_hour",
    "tests/check/test_check.py::test_every_workload_has_a_sample_within_its_bounds",
)
"""The tests that a workload must pass without a service."""
MISTAKES = {
    "flask_app/sync_app.py": ("wait(ms)", "wait(ms // 2)"),
    "django_app/sync_app.py": ("pause.add(terms)", "pause.add(terms + 1)"),
    "fastapi_app/async_app.py": ("await nonblocking.wait(ms)", '__import__("time").sleep(ms / 1000)'),
}
"""A mistake in the new handler of each framework, as text to replace."""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout with the new workload."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=LEFT_OUT)
        else:
            shutil.copy(ROOT / name, copy / name)
    for piece in _pieces():
        target = copy / _target(piece)
        if piece.suffix == ".part":
            target.write_text(inserted(target.read_text(), piece.read_text()))
        else:
            shutil.copy(piece, target)
    return copy


def _pieces() -> list[Path]:
    return sorted(path for path in PIECES.rglob("*") if path.is_file() and path.suffix != ".pyc")


def _target(piece: Path) -> str:
    return str(piece.relative_to(PIECES)).removesuffix(".part")


def inserted(text: str, part: str) -> str:
    """Insert each piece before or after the only line that begins as its head says."""
    lines = text.splitlines(keepends=True)
    for block in re.split("^>>> ", part, flags=re.MULTILINE)[1:]:
        head, _, piece = block.partition("\n")
        where, _, beginning = head.partition(": ")
        [place] = [number for number, line in enumerate(lines) if line.startswith(beginning)]
        lines.insert(place + (where == "after"), piece)
        lines = "".join(lines).splitlines(keepends=True)
    return "".join(lines)


def _run(copy: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a module of the copy, with locks of its own: others may measure on this machine."""
    own = copy / "tmp"
    own.mkdir(exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(copy), "TMPDIR": str(own), "COLUMNS": "400"}
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def _check(copy: Path, *variants: str) -> "subprocess.CompletedProcess[str]":
    return _run(copy, "waitbench", "check", *variants, "--workload", NAME)


def _changed(copy: Path) -> Iterator[str]:
    for name in COPIED:
        for path in [copy / name, *(copy / name).rglob("*")]:
            original = ROOT / path.relative_to(copy)
            if not path.is_file() or "__pycache__" in path.parts:
                continue
            if not original.exists() or original.read_bytes() != path.read_bytes():
                yield str(path.relative_to(copy))


def _listed() -> str:
    """The section of CONTRIBUTING on adding a workload."""
    found = re.search(r"^## Add a workload$(.*?)^## ", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_a_workload_touches_at_most_twelve_files_and_contributing_lists_each(copy: Path) -> None:
    changed = sorted(_changed(copy))
    assert changed == sorted(map(_target, _pieces()))
    assert len(changed) <= MOST_FILES
    listed = re.findall(r"`([^` ]+/[^` ]+)`", _listed())
    assert [name for name in changed if name.replace(NAME, "NAME") not in listed] == []


def test_a_workload_passes_the_tests_that_need_no_service(copy: Path) -> None:
    done = _run(copy, "pytest", "-q", "-p", "no:cacheprovider", *STATIC_TESTS)
    assert done.returncode == 0, done.stdout


def test_every_framework_passes_all_checks_of_the_new_workload(copy: Path) -> None:
    done = _check(copy, *EVERY_FRAMEWORK)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert re.findall(r"^([\w-]+): good, ", done.stdout, re.MULTILINE) == [*EVERY_FRAMEWORK]


@pytest.mark.fault(
    "numbers",
    "the handler of a new workload is wrong: a short wait, a wrong sum, a blocked event loop",
    "`waitbench check` finds each: the proofs of the workload say what to look for",
)
def test_a_wrong_handler_of_the_new_workload_is_found(copy: Path, tmp_path: Path) -> None:
    wrong_copy = shutil.copytree(copy, tmp_path / "wrong", ignore=LEFT_OUT)
    for file, (right, wrong) in MISTAKES.items():
        path = wrong_copy / "services" / file
        before, start, handler = path.read_text().partition("def get_pause(")
        assert handler.count(right) == 1
        path.write_text(before + start + handler.replace(right, wrong))
    done = _check(wrong_copy, "flask-threads", "django-gevent", "fastapi-asyncio")
    assert done.returncode == 1, done.stderr
    found = re.findall(r"^(?:([\w-]+): wrong|  (\w+: .*))", done.stdout, re.MULTILINE)
    assert ["".join(each) for each in found] == [
        "flask-threads",
        "timing: GET /pause?ms=40&terms=1000 takes at least 40 ms",
        "django-gevent",
        "contract: GET /pause?ms=100&terms=10",
        "contract: GET /pause?ms=0&terms=1",
        "fastapi-asyncio",
        "overlap: 20 slow calls of /pause?ms=400&terms=10 overlap",
    ]
