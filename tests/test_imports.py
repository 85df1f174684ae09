"""No part of the project imports a part above it, directly or through others: see docs/architecture.md."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from waitbench.paths import LOADTESTS, PACKAGE, ROOT, SERVICES

LAYERS = {
    "records": set[str](),
    "catalog": {"records"},
    "plan": {"catalog"},
    "validity": {"catalog"},
    "analysis": {"validity", "plan"},
    "report": {"analysis"},
    "launch": {"plan"},
    "check": {"launch"},
    "run": {"report", "check"},
    "cli": {"run"},
}
"""Each package of waitbench/ with those directly below it. A package may also use whatever is below these."""
EVERYWHERE = {"waitbench", "waitbench.errors", "waitbench.paths"}
TOP = {"__init__", "__main__", "errors", "paths"}
MEASURED = {
    "services",
    "work",
    "workloads",
    "flask_app",
    "django_app",
    "fastapi_app",
    "quart_app",
    "null_app",
    "bare_app",
    "upstream",
}


def below(package: str) -> set[str]:
    """A package of waitbench/ with every package that it may use."""
    return {package}.union(*(below(each) for each in LAYERS[package]))


@cache
def imports(folder: Path) -> tuple[tuple[str, str], ...]:
    """Each module below a folder with each name that it imports, as `package.module.name`."""
    return tuple(_imports(folder))


def _imports(folder: Path) -> Iterator[tuple[str, str]]:
    for file in folder.rglob("*.py"):
        if "node_modules" in file.parts or "bundle" in file.parts:
            continue
        parts = file.relative_to(ROOT).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            for name in names:
                yield module, name


@cache
def modules() -> frozenset[str]:
    parts = [
        file.relative_to(ROOT).with_suffix("").parts for file in PACKAGE.rglob("*.py") if "bundle" not in file.parts
    ]
    return frozenset(".".join(each[:-1] if each[-1] == "__init__" else each) for each in parts)


@cache
def graph() -> dict[str, set[str]]:
    """Each module of waitbench with those that are loaded for it. Loading a module loads the packages around it."""
    found: dict[str, set[str]] = {module: set() for module in modules()}
    for importer, name in imports(PACKAGE):
        target = name if name in found else name.rpartition(".")[0]
        while target in found:
            found[importer].add(target)
            target = target.rpartition(".")[0]
    return found


def reached(start: str) -> dict[str, str]:
    """Every module that `start` imports, directly or through others, with the module that imports it."""
    found: dict[str, str] = {}
    waiting = [start]
    while waiting:
        importer = waiting.pop()
        for target in graph()[importer] - found.keys():
            found[target] = importer
            waiting.append(target)
    return found


def test_the_top_level_has_four_modules_and_the_packages() -> None:
    assert {file.stem for file in PACKAGE.glob("*.py")} == TOP
    assert {folder.parent.name for folder in PACKAGE.glob("*/__init__.py")} == {*LAYERS}


@pytest.mark.parametrize("package", LAYERS)
def test_a_package_reaches_only_the_layers_below_it(package: str) -> None:
    allowed = below(package)
    wrong = [
        f"{start} reaches {target}, imported by {importer}"
        for start in sorted(modules())
        if start.split(".")[1:2] == [package]
        for target, importer in reached(start).items()
        if target not in EVERYWHERE and target.split(".")[1] not in allowed
    ]
    assert wrong == []


def test_no_module_of_the_harness_imports_itself_through_others() -> None:
    packages = {module for module in modules() if (PACKAGE.parent / Path(*module.split(".")) / "__init__.py").exists()}
    assert [module for module in sorted(modules() - packages) if module in reached(module)] == []


def test_services_import_nothing_of_the_harness() -> None:
    strangers = {"waitbench", "loadtests", "tests"}
    assert [found for found in imports(SERVICES) if found[1].partition(".")[0] in strangers] == []


def test_the_harness_never_imports_gevent_locust_loadtests_or_services() -> None:
    strangers = {"gevent", "locust", "loadtests"} | MEASURED
    assert [found for found in imports(PACKAGE) if found[1].partition(".")[0] in strangers] == []


def test_the_generator_imports_only_records_and_errors_of_the_harness() -> None:
    known = [
        found for found in imports(LOADTESTS) if found[1].partition(".")[0] in {"waitbench", "loadtests"} | MEASURED
    ]
    allowed = ("waitbench.records.", "waitbench.errors.", "loadtests.")
    assert [found for found in known if not found[1].startswith(allowed)] == []


@pytest.mark.parametrize("package", ["catalog", "validity", "analysis"])
def test_packages_that_judge_use_neither_files_nor_clocks(package: str) -> None:
    outside = {"os", "time", "pathlib", "subprocess", "datetime", "socket", "random"}
    exceptions = {
        "waitbench.analysis.loading",
        "waitbench.catalog.variants",
    }  # these read a run and the list of variants
    exceptions |= {"waitbench.analysis.sizing.queueing"}  # it simulates, always with the same seed
    found = {
        (importer, name.partition(".")[0])
        for importer, name in imports(PACKAGE)
        if importer.split(".")[1:2] == [package] and importer not in exceptions
    }
    assert found
    assert [each for each in found if each[1] in outside] == []
