"""A run keeps its secrets out of its results and off command lines."""

from urllib.parse import urlsplit

import psutil
import pytest

from tests.e2e.bench import Bench, plan

pytestmark = pytest.mark.live


@pytest.mark.slow  # only this looks through a whole run's results; test_postgres.py checks what PostgreSQL gets
@pytest.mark.fault(
    "security",
    "the password of a run's PostgreSQL gets into its results or onto a command line",
    "only the environment of the run's own processes contains it",
)
def test_the_password_is_in_no_file_of_the_results(bench: Bench) -> None:
    cell = 'workload = "db"\nparams = { ms = 5 }\nusers = [2]'
    started = bench.start(plan(cell, measure_s=1.0))
    bench.wait_for(started, bench.measuring(after=0))
    children = psutil.Process(started.pid).children(recursive=True)
    known = [process.environ().get("WAITBENCH_DATABASE_URL", "") for process in children]
    secrets = {urlsplit(url).password or "" for url in known if url}
    assert [url for url in known if url]
    assert not any(secret in " ".join(process.cmdline()) for secret in secrets for process in children)
    ended = bench.end(started)
    assert ended.folder
    written = [path.read_bytes() for path in ended.folder.path.rglob("*") if path.is_file()]
    for secret in secrets:
        assert secret
        assert secret not in ended.out + ended.err
        assert not any(secret.encode() in content for content in written)
