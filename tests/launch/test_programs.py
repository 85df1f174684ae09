"""Tests whether a variant can be run on this machine."""

import dataclasses
from pathlib import Path

import pytest

from waitbench.catalog.variants import load_variants
from waitbench.errors import WaitbenchError
from waitbench.launch.local import LocalStack
from waitbench.launch.programs import missing
from waitbench.paths import VARIANTS

FLASK = load_variants()["flask-threads"]
OTHER = dataclasses.replace(FLASK, name="other", program="other_app/program", setup="make other", profile="others")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The path of the other variant's program, which does not exist yet."""
    file = tmp_path / OTHER.program
    file.parent.mkdir()
    return file


def test_a_variant_that_runs_on_this_python_lacks_nothing() -> None:
    assert missing(FLASK) == ""


def test_a_missing_program_is_reported_with_advice(program: Path, tmp_path: Path) -> None:
    assert missing(OTHER, tmp_path) == (
        f"other needs {program}, which does not exist; run `make other`, or use containers (--profile others)"
    )


def test_a_variant_without_a_container_gets_no_advice_to_use_containers(program: Path, tmp_path: Path) -> None:
    assert missing(dataclasses.replace(OTHER, containers=False), tmp_path).endswith("; run `make other`")


def test_an_installed_package_sends_the_reader_to_a_checkout(program: Path, tmp_path: Path) -> None:
    assert missing(OTHER, tmp_path, installed=True) == (
        "other needs a program that an installed package does not have; run `make other` in a checkout of waitbench, "
        "and use its .venv/bin/waitbench"
    )


def test_a_program_counts_only_if_it_is_executable(program: Path, tmp_path: Path) -> None:
    program.touch(mode=0o644)
    assert missing(OTHER, tmp_path)
    program.chmod(0o755)
    assert missing(OTHER, tmp_path) == ""


def test_a_folder_is_not_a_program(program: Path, tmp_path: Path) -> None:
    program.mkdir()
    assert missing(OTHER, tmp_path)


def test_a_stack_refuses_a_missing_program_before_it_starts_anything(tmp_path: Path) -> None:
    file = tmp_path / "variants.toml"
    file.write_text(
        VARIANTS.read_text().replace(
            "[servers.gthread]", '[servers.gthread]\nprogram = "nowhere/program"\nsetup = "make it"'
        )
    )
    with LocalStack(file) as stack:
        with pytest.raises(WaitbenchError, match="run `make it`"):
            stack.start(["fastapi-asyncio", "flask-threads"])
        assert stack.processes == {}
