"""Put each fault of faults.toml into a copy of this checkout, and see whether the tests detect it.

    .venv/bin/python -m tools.faults.inject                    # all of them
    .venv/bin/python -m tools.faults.inject warm-up-counted    # only this one

The copy holds what Git tracks, with changes that are not committed yet. Packages come from this checkout's .venv.
The tests of `tier` run first without any fault: if they fail then, a failure would prove nothing. For the same reason a
test that fails runs again without the fault, and has to pass.
Exits with 0 if every fault is detected in its tier, else with 1.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGETS = {"fast": "test-fast", "test": "test"}
LEFT_OUT = ("test_faults.py", "test_lint.py", "test_package.py")
"""Tests that would fail for another reason than the fault: they compare files, lint them, or build the package."""
INSTALLED = (".venv", "services/go_app/build", "services/node_app/node_modules")
"""Folders that `make` installs into a checkout. The copy uses them too."""


@dataclass(frozen=True)
class Fault:
    name: str
    breaks: str
    """A sentence that says what becomes wrong."""
    file: str
    before: str
    after: str
    tier: str
    """The quickest tier that has to detect it, a key of TARGETS."""

    def inject(self, root: Path) -> None:
        """Replace `before` by `after`. Raises ValueError unless `before` occurs exactly once."""
        path = root / self.file
        text = path.read_text()
        if (count := text.count(self.before)) != 1:
            raise ValueError(f"{self.name}: {self.file} has {count} places like this, not 1:\n{self.before}")
        path.write_text(text.replace(self.before, self.after))


def load_faults() -> list[Fault]:
    return [Fault(**fault) for fault in tomllib.loads((HERE / "faults.toml").read_text())["faults"]]


@contextmanager
def copied_checkout() -> Iterator[Path]:
    """A clone with the uncommitted changes of tracked files. Installed folders are linked."""
    folder = Path(tempfile.mkdtemp(prefix="waitbench-faults-"))
    try:
        _git(ROOT, "clone", "--quiet", "--shared", "--no-checkout", str(ROOT), str(folder))
        _git(
            folder, "checkout", "--quiet", "--detach", _git(ROOT, "stash", "create") or _git(ROOT, "rev-parse", "HEAD")
        )
        for name in INSTALLED:
            if (ROOT / name).exists():
                (folder / name).symlink_to(ROOT / name)
        yield folder
    finally:
        shutil.rmtree(folder)


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def failing(root: Path, tier: str) -> list[str]:
    """The tests that fail first, or none if all pass. Nothing is installed again, because the stamps count as new."""
    stamps = [f"--assume-old=.venv/{name}.stamp" for name in ("local", "dev", "go", "javascript")]
    options = ["--maxfail=1", "--quiet", *(f"--ignore=tests/{name}" for name in LEFT_OUT)]
    ended = subprocess.run(
        ["make", *stamps, TARGETS[tier], f"ARGS={' '.join(options)}"],
        cwd=root,
        env=environment(root),
        check=False,
        capture_output=True,
        text=True,
    )
    found = re.findall(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", ended.stdout, re.MULTILINE)
    if ended.returncode and not found:
        raise RuntimeError(f"no test failed, but the run itself:\n{(ended.stdout + ended.stderr)[-2000:]}")
    return found


def detect(fault: Fault, root: Path) -> tuple[str, list[str]]:
    """The tier that detected the fault, or "", and the tests that fail with the fault and pass without it."""
    path = root / fault.file
    original = path.read_text()
    for tier in TARGETS:
        fault.inject(root)
        try:
            found = failing(root, tier)
        finally:
            path.write_text(original)
        if found and passes(root, found):
            return tier, found
        if found:
            print(f"{fault.name}: {', '.join(found)} also fails without the fault", flush=True)
    return "", []


def passes(root: Path, tests: list[str]) -> bool:
    command = [str(root / ".venv/bin/python"), "-m", "pytest", "--quiet", *tests]
    return subprocess.run(command, cwd=root, env=environment(root), check=False, capture_output=True).returncode == 0


def environment(root: Path) -> dict[str, str]:
    """Environment variables with which every process imports the copy."""
    return {**os.environ, "PYTHONPATH": str(root)}


def main() -> int:
    parser = argparse.ArgumentParser(description="inject faults, and check whether the tests detect them")
    parser.add_argument("names", nargs="*", metavar="FAULT", help="only these (default: all)")
    names = parser.parse_args().names
    faults = load_faults()
    if unknown := set(names) - {fault.name for fault in faults}:
        parser.error(f"no fault named {', '.join(sorted(unknown))}; there are: {', '.join(f.name for f in faults)}")
    chosen = [fault for fault in faults if not names or fault.name in names]
    counts = {"fast": 0, "test": 0, "": 0}
    late = 0
    with copied_checkout() as root:
        for tier in sorted({fault.tier for fault in chosen}):
            if found := failing(root, tier):
                print(f"the tests fail without any fault, so a failure would prove nothing: {', '.join(found)}")
                return 1
        for fault in chosen:
            began = time.monotonic()
            tier, found = detect(fault, root)
            counts[tier] += 1
            late += tier == "" or (fault.tier == "fast" and tier != "fast")
            by = f"by make {TARGETS[tier]}: {', '.join(found[:2])}" if tier else "NOT DETECTED"
            print(f"{fault.name:<34} {time.monotonic() - began:4.0f} s  {by}", flush=True)
    print(
        f"{counts['fast']} of {len(chosen)} detected by make test-fast, {counts['test']} more by make test", flush=True
    )
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
