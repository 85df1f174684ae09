"""The package: a wheel has the right files, and works without a checkout."""

import configparser
import email
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from waitbench import __version__
from waitbench.paths import ROOT
from waitbench.plan.bundled import plan_names
from waitbench.records.folder import RunFolder

REQUIREMENTS = ROOT / "requirements"
DIST_INFO = f"waitbench-{__version__}.dist-info"
IGNORED = (
    "services/go_app/build/service",
    "services/node_app/node_modules/fastify/fastify.js",
    "services/work/__pycache__/responses.cpython-311.pyc",
    "loadtests/__pycache__/share.cpython-311.pyc",
    "waitbench/__pycache__/errors.cpython-311.pyc",
    ".venv/bin/python",
)
"""Files that appear in a working copy and that .gitignore names."""

pytestmark = pytest.mark.tools


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    """The files that git tracks."""
    if not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def built(tracked: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist of a working copy, built with hatchling as `make setup` installs it."""
    source, dist = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in tracked:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    for name in IGNORED:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).touch()
    build = [sys.executable, "-m", "hatchling", "build", "--directory", str(dist)]
    done = subprocess.run(build, cwd=source, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return dist


@pytest.fixture(scope="module")
def wheel(built: Path) -> Iterator[zipfile.ZipFile]:
    [file] = built.glob("*.whl")
    with zipfile.ZipFile(file) as opened:
        yield opened


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    return email.message_from_bytes(wheel.read(f"{DIST_INFO}/METADATA"))


def declared(name: str) -> set[Requirement]:
    """The requirements of a file in requirements/, without those of the files it includes."""
    lines = (line.partition("#")[0].strip() for line in (REQUIREMENTS / f"{name}.in").read_text().splitlines())
    return {Requirement(line) for line in lines if line and not line.startswith("-r")}


class TestWheel:
    def test_it_contains_every_tracked_file_that_a_run_may_need_and_nothing_else(
        self, wheel: zipfile.ZipFile, tracked: list[str]
    ) -> None:
        package = {name for name in tracked if name.startswith("waitbench/")}
        bundle = {f"waitbench/bundle/{name}" for name in tracked if name.startswith(("services/", "loadtests/"))}
        bundle = {name for name in bundle if not name.endswith("/Dockerfile")}  # images are built in a checkout
        contained = {name for name in wheel.namelist() if not name.startswith(f"{DIST_INFO}/")}
        assert contained == package | bundle
        assert {"waitbench/report/templates/report.html.j2", "waitbench/bundle/loadtests/plans/quick.toml"} <= contained

    def test_everything_that_it_installs_is_in_one_package(self, wheel: zipfile.ZipFile) -> None:
        assert {name.partition("/")[0] for name in wheel.namelist()} == {"waitbench", DIST_INFO}

    def test_it_installs_the_command(self, wheel: zipfile.ZipFile) -> None:
        scripts = configparser.ConfigParser()
        scripts.read_string(wheel.read(f"{DIST_INFO}/entry_points.txt").decode())
        assert dict(scripts["console_scripts"]) == {"waitbench": "waitbench.__main__:main"}

    def test_its_dependencies_are_those_of_the_requirements_files(self, metadata: Message) -> None:
        found = {Requirement(text) for text in metadata.get_all("Requires-Dist", [])}
        assert {each for each in found if each.marker is None} == (
            declared("package") | declared("services") | declared("harness")
        )
        for extra, files in {"dev": ("dev", "local"), "references": ("references",)}.items():
            expected = set().union(*(declared(name) for name in files))
            chosen = {each for each in found if each.marker and each.marker.evaluate({"extra": extra})}
            assert {str(each).partition(";")[0].strip() for each in chosen} == {str(each) for each in expected}

    def test_its_metadata_names_version_licence_and_extras(self, metadata: Message) -> None:
        assert (metadata["Name"], metadata["Version"]) == ("waitbench", __version__)
        assert metadata["License-Expression"] == "MIT"
        assert metadata.get_all("Provides-Extra") == ["dev", "references"]
        assert str(metadata.get_payload()).startswith("# Waitbench")


def test_no_package_has_two_version_ranges() -> None:
    every = declared("package") | declared("services") | declared("harness")
    names = [each.name for each in every]
    assert sorted(names) == sorted(set(names))


def test_the_sdist_contains_every_tracked_file(built: Path, tracked: list[str]) -> None:
    [file] = built.glob("*.tar.gz")
    with tarfile.open(file) as sdist:
        contained = {name.partition("/")[2] for name in sdist.getnames()}
    assert contained == {*tracked, "PKG-INFO"}


class Installed:
    """The wheel, installed in `site`, and an empty folder to run it from."""

    def __init__(self, site: Path) -> None:
        self.site = site
        self.elsewhere = Path(tempfile.mkdtemp(dir=site.parent))
        # The editable install makes the checkout importable too, but PYTHONPATH comes first.
        unset = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")
        self._environment = {name: value for name, value in os.environ.items() if name not in unset}
        self._environment |= {"PYTHONPATH": str(site), "TMPDIR": str(site.parent)}

    @property
    def plans(self) -> Path:
        return self.site / "waitbench" / "bundle" / "loadtests" / "plans"

    def waitbench(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "waitbench", *arguments]
        return subprocess.run(
            command, cwd=self.elsewhere, env=self._environment, capture_output=True, text=True, timeout=120
        )

    def imported(self) -> set[str]:
        """The modules that were imported from this folder, by the bytecode that Python keeps next to each."""
        compiled = (path.relative_to(self.site) for path in self.site.rglob("*.pyc"))
        return {str(path.parent.parent / path.name.partition(".")[0]) for path in compiled}


@pytest.fixture(scope="module")
def site(built: Path) -> Iterator[Path]:
    """A folder in which the wheel is installed. PostgreSQL's user can enter the folder above it."""
    place = Path(tempfile.mkdtemp(prefix="wbpackage-"))
    place.chmod(0o755)
    [file] = built.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    pip += ["--no-index", "--no-compile", "--target", str(place / "site"), str(file)]
    subprocess.run(pip, check=True, timeout=60)
    yield place / "site"
    shutil.rmtree(place)


@pytest.fixture
def installed(site: Path) -> Installed:
    return Installed(site)


class TestOutsideACheckout:
    def test_it_lists_its_own_plans(self, installed: Installed) -> None:
        extra = installed.plans / "extra.toml"
        extra.write_text('title = "Only in the bundle"')
        shown = installed.waitbench("--help").stdout
        extra.unlink()
        assert "Only in the bundle" in shown
        listed = installed.waitbench("list", "plans")
        assert (listed.returncode, listed.stderr) == (0, "")
        assert [line.split()[0] for line in listed.stdout.splitlines()] == plan_names()

    @pytest.mark.parametrize(
        ("options", "advice"),
        [
            (["--engine", "compose"], "use the .venv/bin/waitbench of a checkout, or run with --engine local"),
            (["--variant", "go"], "run `make setup-references` in a checkout of waitbench"),
            (["--variant", "flask-free-threaded"], "run `make setup-free-threaded INTERPRETER=/path/to/python3.14t`"),
        ],
        ids=lambda value: value[-1] if isinstance(value, list) else None,
    )
    def test_what_needs_a_checkout_says_so_in_one_line(
        self, installed: Installed, options: list[str], advice: str
    ) -> None:
        done = installed.waitbench("run", "smoke", *options)
        assert (done.returncode, done.stdout) == (2, "")
        [line] = done.stderr.splitlines()
        assert line.startswith("waitbench: ")
        assert advice in line
        assert list(installed.elsewhere.iterdir()) == []

    @pytest.mark.live
    def test_a_run_uses_its_own_services_and_load_tests_and_writes_to_the_working_folder(
        self, installed: Installed
    ) -> None:
        done = installed.waitbench("run", "smoke", "--variant", "fastapi-asyncio", "--workload", "wait", "--no-ui")
        assert done.returncode in (0, 3), done.stderr  # 3: the machine was too busy for the figures to count
        folder = RunFolder(installed.elsewhere / done.stdout.strip())
        assert folder.path.parent == installed.elsewhere / "results"
        assert (folder.path / "report.html").is_file()
        assert json.loads((folder.path / "run.json").read_text())["environment"]["git_commit"] is None
        assert folder.read_run().status == "complete"
        assert len(folder.read_trials(folder.read_run())) == 1
        assert {
            "waitbench/run/execute",
            "waitbench/bundle/loadtests/session",
            "waitbench/bundle/services/fastapi_app/async_app",
            "waitbench/bundle/services/work/nonblocking",
        } <= installed.imported()
