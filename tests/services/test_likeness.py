"""How many lines two service files have in common.

Shared code belongs in services/work and services/workloads, the rest to a framework.

Two lines are alike if they have the same text, whatever their indentation. Blank lines do not count. The tests look for
runs of such lines between every two files. A handler in two frameworks has the same work and the same response, and the
code between them is each framework's own.
"""

from itertools import combinations
from pathlib import Path

from waitbench.paths import SERVICES

LONGEST_RUN = 8
FILES = sorted(SERVICES.glob("*_app/**/*.py")) + sorted((SERVICES / "upstream").glob("*.py"))


def text_lines(file: Path) -> list[str]:
    return [line for line in map(str.strip, file.read_text().splitlines()) if line]


def longest_run(ours: list[str], theirs: list[str]) -> list[str]:
    """Return the longest run of successive lines that both have."""
    end, longest, before = 0, 0, [0] * (len(theirs) + 1)
    for number, line in enumerate(ours, 1):
        runs = [0] * (len(theirs) + 1)
        for other, their in enumerate(theirs, 1):
            if line == their:
                runs[other] = before[other - 1] + 1
                if runs[other] > longest:
                    end, longest = number, runs[other]
        before = runs
    return ours[end - longest : end]


def test_no_two_service_files_have_a_long_run_of_lines_in_common() -> None:
    texts = {str(file.relative_to(SERVICES)): text_lines(file) for file in FILES}
    assert {"flask_app/sync_app.py", "null_app/server.py", "upstream/app.py"} <= set(texts)
    runs = {pair: longest_run(*(texts[name] for name in pair)) for pair in combinations(texts, 2)}
    assert {pair: run for pair, run in runs.items() if len(run) > LONGEST_RUN} == {}


def test_a_run_has_successive_lines() -> None:
    assert longest_run(["a", "b", "x", "c", "d", "e"], ["b", "c", "d", "y", "a", "b", "x"]) == ["a", "b", "x"]
    assert longest_run(["a"], ["b"]) == []


def test_every_framework_has_the_same_handlers_in_the_same_order() -> None:
    apps = [app for name in ("sync_app", "async_app") for app in sorted(SERVICES.glob(f"*_app/{name}.py"))]
    handlers = [[line.split("(")[0].split()[-1] for line in text_lines(app) if "def " in line] for app in apps]
    assert len(apps) == 7
    assert all(names == handlers[0] for names in handlers)
    assert len(handlers[0]) >= 13
