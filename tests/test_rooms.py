"""Who may know whom: the rooms of docs/architecture.md, held to their imports."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from waitbench.paths import LOADTESTS, ROOT, SERVICES

MEASURED = {"services", "work", "flask_app", "django_app", "fastapi_app", "null_app", "upstream"}


@cache
def imports(folder: Path) -> tuple[tuple[str, str], ...]:
    """Each file below a folder with each module that it imports."""
    return tuple(_imports(folder))


def _imports(folder: Path) -> Iterator[tuple[str, str]]:
    for file in folder.rglob("*.py"):
        if "node_modules" in file.parts:  # packages of others
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            for name in names:
                yield str(file.relative_to(ROOT)), name


def test_services_know_nothing_of_the_harness() -> None:
    strangers = {"waitbench", "loadtests", "tests"}
    assert [found for found in imports(SERVICES) if found[1].partition(".")[0] in strangers] == []


def test_the_harness_never_imports_gevent_locust_or_the_other_rooms() -> None:
    strangers = {"gevent", "locust", "loadtests"} | MEASURED
    assert [found for found in imports(ROOT / "waitbench") if found[1].partition(".")[0] in strangers] == []


def test_the_generator_knows_of_the_harness_its_file_types_alone() -> None:
    """And what it meets where it can write neither a file nor its log."""
    unwritable = ("waitbench.errors.Unwritable", "waitbench.console.forgive")
    allowed = ("waitbench.results.", "waitbench.latency", "waitbench.pattern.", "loadtests.", *unwritable)
    known = [
        found for found in imports(LOADTESTS) if found[1].partition(".")[0] in {"waitbench", "loadtests"} | MEASURED
    ]
    assert [found for found in known if not found[1].startswith(allowed)] == []


@pytest.mark.parametrize(
    "name",
    [
        *(
            "statistics",
            "effects",
            "simple_effects",
            "validity",
            "cells",
            "factors",
            "mixed",
            "bursts",
            "recovery",
            "gathering",
            "knee",
        ),
        *("knees", "comparison", "answer", "factors_answer", "claims", "schedule", "workloads", "latency"),
    ],
)
def test_what_judges_touches_neither_files_nor_clocks(name: str) -> None:
    outside = {"os", "time", "pathlib", "subprocess", "datetime", "socket", "random.random"}
    places = (f"waitbench/{name}.py", f"waitbench/{name}/")  # a module, or a folder of them
    found = {module.partition(".")[0] for file, module in imports(ROOT / "waitbench") if file.startswith(places)}
    assert found
    assert found & outside == set()
