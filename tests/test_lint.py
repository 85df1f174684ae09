"""`make lint` and the pre-commit hooks find mistakes that are planted in a copy of the checkout."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.test_makefile import make
from waitbench.paths import ROOT

pytestmark = [
    pytest.mark.tools,
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a Git checkout"),
]

REQUIRED = os.environ.get("WAITBENCH_REQUIRE_REFERENCES") == "1"
INSTALLED = [".venv", "services/go_app/build", "tools/javascript/node_modules"]
"""Folders that `make setup-dev` puts into a checkout. `.venv` is linked to the environment that runs the tests."""
SNIPPETS = {
    "an unused variable": "const planted = 1;\n",
    "an undefined name": "export const planted = () => undefinedName;\n",
    "wrong formatting": "export const  planted = 1;\n",
}


def run(*command: str, cwd: Path, path: str | None = None, **environment: str) -> "subprocess.CompletedProcess[str]":
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PRE_COMMIT"))}
    variables |= {"PATH": path or os.environ["PATH"], **environment}
    return subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, timeout=120)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the files that Git tracks, with the tools that are installed here."""
    copy = tmp_path / "checkout"
    for name in run("git", "ls-files", "-z", cwd=ROOT).stdout.rstrip("\0").split("\0"):
        if (ROOT / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    for name in INSTALLED:
        there = Path(sys.prefix) if name == ".venv" else ROOT / name
        if there.exists():
            (copy / name).symlink_to(there)
    # Older than what was installed from it. Else npm would install again through the link, and empty its target.
    os.utime(copy / "tools/javascript/package-lock.json", (0, 0))
    return copy


def lint(checkout: Path, tool: str) -> "subprocess.CompletedProcess[str]":
    """Run a script of `make lint`. Skip the test if the machine lacks a program that the script needs."""
    ended = run(f"tools/{tool}", *([".venv/bin"] if tool == "lint-go" else []), cwd=checkout)
    if "not checked" in ended.stderr and not REQUIRED:
        pytest.skip(ended.stderr.strip())
    return ended


def append(file: Path, text: str) -> None:
    file.write_text(file.read_text() + text)


def test_make_check_runs_every_linter_and_then_the_tests() -> None:
    shown = make("--dry-run", "check").stdout
    places = [shown.rfind(tool) for tool in ("ruff format --check", "ruff check", "bin/mypy", "tools/lint-go")]
    places += [shown.rfind("tools/lint-javascript\n"), shown.rfind("pytest")]
    assert -1 not in places
    assert places == sorted(places)


def test_go_that_is_not_formatted_fails(checkout: Path) -> None:
    append(checkout / "services/go_app/work.go", "\nfunc  planted() {}\n")
    ended = lint(checkout, "lint-go")
    assert ended.returncode != 0
    assert "func  planted()" in ended.stdout
    assert "make format" in ended.stderr


def test_a_wrong_printf_verb_in_go_fails(checkout: Path) -> None:
    text = 'package main\n\nimport "fmt"\n\nfunc planted() {\n\tfmt.Printf("%d\\n", "text")\n}\n'
    (checkout / "services/go_app/planted.go").write_text(text)
    ended = lint(checkout, "lint-go")
    assert ended.returncode != 0
    assert "Printf format %d" in ended.stderr


@pytest.mark.parametrize("mistake", SNIPPETS)
def test_a_mistake_in_javascript_fails(mistake: str, checkout: Path) -> None:
    append(checkout / "services/node_app/pattern.js", f"\n{SNIPPETS[mistake]}")
    ended = lint(checkout, "lint-javascript")
    assert ended.returncode != 0
    assert "pattern.js" in ended.stdout + ended.stderr


@pytest.mark.parametrize(("tool", "needs"), [("lint-go", "Go 1.27"), ("lint-javascript", "npm")])
@pytest.mark.parametrize("required", [False, True])
def test_without_go_or_npm_one_line_says_what_is_missing(
    tool: str, needs: str, required: bool, checkout: Path, tmp_path: Path
) -> None:
    for name in INSTALLED:
        (checkout / name).unlink(missing_ok=True)
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("bash", "dirname", "mkdir"):
        (programs / name).symlink_to(str(shutil.which(name)))
    ended = run(f"tools/{tool}", cwd=checkout, path=str(programs), WAITBENCH_REQUIRE_REFERENCES=str(int(required)))
    assert ended.returncode == int(required)
    [line] = ended.stderr.splitlines()
    assert line.startswith("not checked: services/")
    assert needs in line


def test_the_linters_packages_are_pinned_and_name_no_registry() -> None:
    lock = json.loads((ROOT / "tools/javascript/package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages
    assert [name for name, package in packages.items() if "resolved" in package or "integrity" not in package] == []


@pytest.fixture(scope="module")
def mypy_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all tests. Without it, mypy takes half a minute in each."""
    own = tmp_path_factory.mktemp("mypy") / "cache"
    if (cache := Path(os.environ.get("MYPY_CACHE_DIR", ROOT / ".mypy_cache"))).exists():
        shutil.copytree(cache, own)
    return own


@pytest.fixture
def repository(checkout: Path) -> Path:
    run("git", "init", "--quiet", cwd=checkout)
    run("git", "add", "--all", cwd=checkout)
    return checkout


def pre_commit(repository: Path, mypy_cache: Path, **environment: str) -> dict[str, str]:
    """The result of each hook by its name, over all files."""
    command = (sys.executable, "-m", "pre_commit", "run", "--all-files", "--color=never")
    environment |= {"MYPY_CACHE_DIR": str(mypy_cache), "PRE_COMMIT_HOME": str(repository.parent / "pre-commit")}
    ended = run(*command, cwd=repository, **environment)
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    results: dict[str, str] = {}
    for line in ended.stdout.splitlines():
        name, _, result = line.partition("...")
        results |= {hook["id"]: result.strip(".") for hook in hooks if hook["name"] == name}
    assert set(results) == {hook["id"] for hook in hooks}, ended.stdout + ended.stderr
    assert ended.returncode == int("Failed" in results.values()), ended.stdout + ended.stderr
    return results


@pytest.mark.slow  # only this shows that the hooks pass where `make lint` does
def test_pre_commit_passes_on_this_checkout(repository: Path, mypy_cache: Path) -> None:
    """Without the documents' tests, which also run on their own."""
    results = pre_commit(repository, mypy_cache, SKIP="documents")
    assert {hook for hook, result in results.items() if result != "Passed"} == {"documents"}


@pytest.mark.slow  # only this shows it for the hooks; the tools' own tests here show it for `make lint`
def test_pre_commit_finds_a_mistake_in_each_language(repository: Path, mypy_cache: Path) -> None:
    for tool in ("lint-go", "lint-javascript"):
        lint(repository, tool)  # skips this test if the machine lacks a program
    append(repository / "benchmarks/intervals.py", "\nimport  os\nPLANTED: int = 'text'\n")  # nothing imports it
    append(repository / "services/go_app/work.go", "\nfunc  planted() {}\n")
    append(repository / "services/node_app/pattern.js", f"\n{SNIPPETS['an unused variable']}")
    append(repository / "README.md", "\n[planted](docs/planted.md)\n")
    assert set(pre_commit(repository, mypy_cache, PYTEST_ADDOPTS="-k every_link").values()) == {"Failed"}
