"""Start one service from the list in variants.toml: `python serve.py VARIANT --port N`.

The process becomes the service's own server, so that signals and exit codes are the server's. Every launcher
(containers, local runs, tests) uses this program, so all of them run the same command.
"""

import argparse
import os
import resource
import shlex
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
UPSTREAM = (
    "uvicorn --loop uvloop --http httptools --backlog 4096 --timeout-keep-alive 75 --no-access-log "
    "--log-level warning --host {host} --port {port} upstream.app:application"
)


def server_command(
    variants: Path, name: str, host: str, port: int, workers: int | None = None, changed: dict[str, int] | None = None
) -> tuple[list[str], dict[str, str]]:
    """Return the command line of a variant's server, program first, and the environment that its application reads.

    `workers` and `changed` replace what the budget declares.
    """
    if name == "upstream":
        command = shlex.split(UPSTREAM.format(host=host, port=port))
        return [sys.executable, "-m", *command], {"WAITBENCH_VARIANT": "upstream"}
    listing = tomllib.loads(variants.read_text())
    variant = listing["variants"].get(name)
    if variant is None:
        sys.exit(f"serve: no variant named {name!r}; there are: {', '.join(listing['variants'])}, upstream")
    server = listing["servers"][variant["server"]]
    budget = variant["budget"] | ({"workers": workers} if workers else {}) | (changed or {})
    command = shlex.split(server["command"].format(host=host, port=port, app=variant.get("app", ""), **budget))
    program = [str(HERE / server["program"])] if "program" in server else [sys.executable, "-m"]
    environment = {
        "WAITBENCH_VARIANT": name,
        "WAITBENCH_FRAMEWORK": variant["framework"],
        "WAITBENCH_MODEL": variant["model"],
        "WAITBENCH_SERVER": server["title"],
        "WAITBENCH_IN_FLIGHT": str(budget.get("in_flight", 0)),
        "WAITBENCH_DB_POOL": str(budget.get("db_pool", 0)),
        "WAITBENCH_UPSTREAM_CONNECTIONS": str(budget.get("upstream_connections", 0)),
        "WAITBENCH_UPSTREAM_THREADS": str(budget.get("upstream_threads", 0)),
        "WAITBENCH_WORK_THREADS": str(budget.get("work_threads", 0)),
        # Only the model decides how many threads a service has, not a library.
        "OPENBLAS_NUM_THREADS": "1",
    }
    return [*program, *command], environment


def entry(text: str) -> tuple[str, int]:
    """Read a changed entry of the budget, such as in_flight=36. Raises ValueError."""
    key, _, count = text.partition("=")
    return key, int(count)


def allow_many_sockets() -> None:
    """Raise the limit on open files to what this machine allows. Each connection is a file, in and out."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main() -> None:
    parser = argparse.ArgumentParser(description="start one service of services/variants.toml")
    parser.add_argument("variant", help="a name from variants.toml, or upstream")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--variants", type=Path, default=HERE / "variants.toml", metavar="FILE")
    parser.add_argument("--workers", type=int, metavar="N", help="processes; by default, as the budget declares")
    parser.add_argument("--budget", type=entry, action="append", default=[], metavar="KEY=N", help="another limit")
    options = parser.parse_args()
    command, environment = server_command(
        options.variants, options.variant, options.host, options.port, options.workers, dict(options.budget)
    )
    allow_many_sockets()
    os.chdir(HERE)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
    try:
        os.execve(command[0], command, {**os.environ, **environment})  # noqa: S606
    except FileNotFoundError:
        sys.exit(f"serve: {options.variant} needs {command[0]}, which is not there")


if __name__ == "__main__":
    main()
