"""What the generator can send, against wrk and Locust's FastHttpUser, in one run on one core.

    .venv/bin/python -m benchmarks.generator

The server has one core, each client in turn the other. Ours goes through a whole `waitbench run`, all recording on.
Rounds are interleaved, and what is told are ratios: figures of one machine and minute. wrk is a Debian package; without
it, it is left out.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from waitbench.launch.cores import allowed_cores
from waitbench.launch.local import free_port
from waitbench.paths import ROOT
from waitbench.results import RunFolder
from waitbench.service import Service, wait_until

ROUNDS, USERS, SECONDS = 3, 20, 4
HERE = Path(__file__).parent


@contextmanager
def null_server(core: int) -> Iterator[int]:
    port = free_port()
    with subprocess.Popen(["taskset", "-c", str(core), sys.executable, HERE / "null_server.py", str(port)]) as server:
        with Service(f"http://127.0.0.1:{port}") as service:
            wait_until(service.ready, 10)
        try:
            yield port
        finally:
            server.terminate()


def ours(port: int, _: int) -> float:
    """Requests per second of a whole run, as its own trial file says."""
    with tempfile.TemporaryDirectory() as place:
        plan = Path(place) / "null.toml"
        plan.write_text(
            f'title = "null"\nrepeats = 1\nwarmup_s = 1\nmeasure_s = {SECONDS}\nvariants = ["fastapi-asyncio"]\n'
            f'[[cells]]\nworkload = "fast"\nusers = [{USERS}]\n'
            f'[[external]]\nname = "bare"\nbase_url = "http://127.0.0.1:{port}"\npaths = {{ fast = "/fast" }}\n'
        )
        command = [sys.executable, "-m", "waitbench", "run", str(plan), "--variant", "bare", "--no-ui", "--out", place]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
        folder = RunFolder(Path(done.stdout.splitlines()[-1]))
        [trial] = folder.read_trials(folder.read_run())
        return trial.measured.good / trial.window_s


def wrk(port: int, core: int) -> float:
    command = ["taskset", "-c", str(core), "wrk", "-t1", f"-c{USERS}", f"-d{SECONDS}s", f"http://127.0.0.1:{port}/fast"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert found, said
    return float(found[1])


def fasthttp(port: int, core: int) -> float:
    command = ["taskset", "-c", str(core), sys.executable, "-m", "locust", "-f", str(HERE / "fasthttp_locustfile.py")]
    options = ["--headless", "-u", str(USERS), "-r", str(USERS), "-t", f"{SECONDS}s", "--json", "--only-summary"]
    host = ["-H", f"http://127.0.0.1:{port}"]
    done = subprocess.run([*command, *options, *host], capture_output=True, text=True, timeout=60, check=True)
    [entry] = json.loads(done.stdout[done.stdout.index("[") :])
    seconds = float(entry["last_request_timestamp"] - entry["start_time"])
    return float(entry["num_requests"]) / seconds


def main() -> None:
    cores = allowed_cores()
    if len(cores) < 2:
        sys.exit("this takes two cores: one for the server, one for the client")
    rivals = {"FastHttpUser": fasthttp, **({"wrk": wrk} if shutil.which("wrk") else {}), "waitbench": ours}
    rates: dict[str, list[float]] = {name: [] for name in rivals}
    with null_server(cores[0]) as port:
        for number in range(ROUNDS):
            for name, measure in rivals.items():
                rates[name].append(measure(port, cores[1]))
                print(f"round {number + 1}: {name} {rates[name][-1]:,.0f} requests/s", flush=True)
    for name in sorted(set(rivals) - {"waitbench"}):
        ratio = median(mine / theirs for mine, theirs in zip(rates["waitbench"], rates[name], strict=True))
        print(f"waitbench / {name}: {ratio:.2f} (median of {ROUNDS} rounds, {USERS} users)")


if __name__ == "__main__":
    main()
