"""How often a short run reports a difference between a variant and itself: rarely, and only by chance.

    .venv/bin/python -m benchmarks.a_a [--runs 20] [--variant fastapi-asyncio]    # about six minutes

Each run is a whole `waitbench run` with its own seed and two processes of one variant, at a load without a
theoretical maximum. A 95 % interval reports a difference in one run of twenty by chance. More than two of twenty happen
by chance in 8 of a hundred such series. So then there is probably another cause, and the exit code is 1.
A run that does not count, because the machine was busy, is repeated: there are at most twice as many runs as requested.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from waitbench.analysis.loading import load_comparison
from waitbench.paths import ROOT
from waitbench.records.folder import RunFolder

PLAN = """
title = "A variant against itself"
repeats = 5
warmup_s = 0.5
measure_s = 0.7
variants = ["fastapi-asyncio"]
[[cells]]
workload = "fast"
users = [10]
"""
MOST = 2
"""How many runs of twenty may report a difference."""
NOT_COUNTED = 3
"""The exit code of a run with a trial that does not count."""


def run_once(variant: str, seed: int, place: Path) -> RunFolder:
    (place / "a-a.toml").write_text(PLAN)
    command = [sys.executable, "-m", "waitbench", "run", str(place / "a-a.toml"), "--no-ui", "--seed", str(seed)]
    command += ["--out", str(place), "--variant", variant, "--variant", variant]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode not in (0, NOT_COUNTED):
        raise SystemExit(f"run {seed} ended with {done.returncode}:\n{done.stderr}")
    return RunFolder(Path(done.stdout.strip()))


def result_of(folder: RunFolder) -> tuple[str, bool, bool]:
    """The ratio as text, whether it is called a difference, and whether the run counts."""
    [point] = [point for section in load_comparison(folder).sections for point in section.points]
    standing = next((s for s in point.standings if s.ratio is not None), None)
    if standing is None or standing.ratio is None:
        codes = {r.code for cell in point.cells for r in cell.reasons if r.weight == "invalid"}
        return f"does not count: {', '.join(sorted(codes))}", False, False
    ratio, low, high = standing.ratio.mean, standing.ratio.low, standing.ratio.high
    text = f"{ratio:.3f} ({low:.3f} to {high:.3f})" if low is not None and high is not None else f"{ratio:.3f}"
    return f"{text} {standing.verdict}", standing.verdict == "slower", True


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=20)
    options.add_argument("--variant", default="fastapi-asyncio")
    chosen = options.parse_args()
    called = counted = 0
    seed = 0
    with tempfile.TemporaryDirectory(prefix="a-a-") as place:
        while counted < chosen.runs and seed < 2 * chosen.runs:
            seed += 1
            text, differs, counts = result_of(run_once(chosen.variant, seed, Path(place)))
            called, counted = called + differs, counted + counts
            print(f"{seed:>3}  {text}", flush=True)
    print(f"{called} of {counted} runs report a difference; {seed - counted} more do not count")
    return 0 if counted == chosen.runs and called <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
