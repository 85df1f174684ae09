"""How much two service files have in common: what is alike belongs into services/work, the rest is the framework's.

A line is like another when both say the same, whatever their indentation; blank lines count for nothing. Runs of such
lines are looked for between every two files: a handler in two frameworks has its work and its answer in common, and
what comes between is each framework's own.
"""

from itertools import combinations
from pathlib import Path

from waitbench.paths import SERVICES

MOST = 8
FILES = sorted(SERVICES.glob("*_app/**/*.py")) + sorted((SERVICES / "upstream").glob("*.py"))


def said(file: Path) -> list[str]:
    return [line for line in map(str.strip, file.read_text().splitlines()) if line]


def longest_run(ours: list[str], theirs: list[str]) -> list[str]:
    """The longest run of lines that both have, one after the other."""
    end, most, before = 0, 0, [0] * (len(theirs) + 1)
    for number, line in enumerate(ours, 1):
        runs = [0] * (len(theirs) + 1)
        for other, their in enumerate(theirs, 1):
            if line == their:
                runs[other] = before[other - 1] + 1
                if runs[other] > most:
                    end, most = number, runs[other]
        before = runs
    return ours[end - most : end]


def test_no_two_service_files_have_a_long_run_of_lines_in_common() -> None:
    texts = {str(file.relative_to(SERVICES)): said(file) for file in FILES}
    assert {"flask_app/sync_app.py", "null_app/server.py", "upstream/app.py"} <= set(texts)
    runs = {pair: longest_run(*(texts[name] for name in pair)) for pair in combinations(texts, 2)}
    assert {pair: run for pair, run in runs.items() if len(run) > MOST} == {}


def test_a_run_is_of_lines_one_after_the_other() -> None:
    assert longest_run(["a", "b", "x", "c", "d", "e"], ["b", "c", "d", "y", "a", "b", "x"]) == ["a", "b", "x"]
    assert longest_run(["a"], ["b"]) == []


def test_every_framework_has_the_same_handlers_in_the_same_order() -> None:
    apps = [app for name in ("sync_app", "async_app") for app in sorted(SERVICES.glob(f"*_app/{name}.py"))]
    handlers = [[line.split("(")[0].split()[-1] for line in said(app) if "def " in line] for app in apps]
    assert len(apps) == 6
    assert all(names == handlers[0] for names in handlers)
    assert len(handlers[0]) == 13
