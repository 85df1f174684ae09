"""Plans: which mistakes are refused, and what the refusal says."""

import tomllib
from pathlib import Path

import pytest

from waitbench.catalog.scenarios import SCENARIOS
from waitbench.catalog.variants import load_variants
from waitbench.catalog.workloads import WORKLOADS
from waitbench.errors import UsageError
from waitbench.plan.bundled import find_plan, plan_names
from waitbench.plan.plan import Plan
from waitbench.plan.plan_file import load_plan
from waitbench.plan.selection import require_shares, select
from waitbench.plan.trial_order import schedule

VARIANTS = load_variants()
TOP = 'title = "t"\nrepeats = 1\nvariants = ["flask-threads"]\n'
CELL = '[[cells]]\nworkload = "wait"\nparams = { ms = 5 }\nusers = [1]\n'
MINE = '[[external]]\nname = "mine"\nbase_url = "http://127.0.0.1:9000"\npaths = { wait = "/sleep?ms={ms}" }\n'


def written(folder: Path, text: str | bytes) -> Path:
    file = folder / "mine.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def refusal(folder: Path, text: str | bytes, allow_remote: bool = False) -> str:
    with pytest.raises(UsageError) as caught:
        load_plan(written(folder, text), VARIANTS, allow_remote)
    return str(caught.value)


def external(**changed: str) -> str:
    parts = {"name": '"mine"', "base_url": '"http://127.0.0.1:9000"', "paths": '{ wait = "/sleep?ms={ms}" }'} | changed
    return TOP + CELL + "[[external]]\n" + "".join(f"{key} = {value}\n" for key, value in parts.items())


def cell(text: str) -> str:
    return TOP + f"[[cells]]\n{text}\n"


def shared(key: str) -> str:
    """Two cells with the same requests that differ in one key."""
    same = '[[cells]]\nworkload = "wait"\nparams = { ms = 5 }\nrate = [50]\nvariants = ["flask-threads"]\n'
    return same + same + key + "\n"


MIXED = 'workload = "mixed"\nof = "cpu"\nshare = 0.05\nparams = { ksteps = 10 }\n'
BURST = 'workload = "burst"\nof = "wait"\nparams = { ms = 10 }\n'


def steps(*rates: float, seconds: float = 2) -> str:
    """A profile. Rates are multiples of 20, the lowest one allowed."""
    return "profile = [" + ", ".join(f"{{ rate = {20 * rate}, seconds = {seconds} }}" for rate in rates) + "]"


# What is wrong, the key that the message names, and what it says would be right.
BAD: dict[str, tuple[str | bytes, str, str]] = {
    "an unknown key of the plan": (TOP + "mesure_s = 3\n" + CELL, "mesure_s", "'measure_s'"),
    "an unknown key that resembles none": (TOP + "zzzz = 3\n" + CELL, "zzzz", "there are: title, repeats"),
    "an unknown key of a cell": (cell('workload = "fast"\nuser = [1]'), "cells[0].user", "'users'"),
    "an unknown key of an external service": (external(bas_url='"x"'), "external[0].bas_url", "'base_url'"),
    "an unknown workload": (cell('workload = "wiat"\nusers = [1]'), "cells[0].workload", "'wait'"),
    "an unknown variant": (TOP.replace("flask-threads", "flask-tread") + CELL, "variants", "'flask-threads'"),
    "an unknown parameter": (cell('workload = "wait"\nparams = { mss = 1 }\nusers = [1]'), "cells[0]", "'ms'"),
    "a parameter of another workload": (
        cell('workload = "wait"\nparams = { ms = 1, calls = 2 }\nusers = [1]'), "'calls'", "there are: ms",
    ),
    "a parameter that is needed": (cell('workload = "wait"\nusers = [1]'), "wait needs ms", "from 0 to 60000"),
    "a negative wait": (cell('workload = "wait"\nparams = { ms = -1 }\nusers = [1]'), "ms = -1", "0 to 60000"),
    "a wait too long": (cell('workload = "db"\nparams = { ms = 60001 }\nusers = [1]'), "ms = 60001", "0 to 60000"),
    "no calls": (cell('workload = "upstream"\nparams = { ms = 1, calls = 0 }\nusers = [1]'), "calls = 0", "1 to 20"),
    "a bool for a parameter": (
        cell('workload = "wait"\nparams = { ms = true }\nusers = [1]'), "cells[0].params.ms", "valid integer",
    ),
    "no users": (cell('workload = "fast"\nusers = [5, 0]'), "cells[0].users[1]", "at least 1"),
    "a million users": (cell('workload = "fast"\nusers = [1_000_000]'), "cells[0].users[0]", "at most 20000"),
    "a bool for users": (cell('workload = "fast"\nusers = [true]'), "cells[0].users[0]", "valid integer"),
    "one number for a list": (cell('workload = "fast"\nusers = 5'), "cells[0].users", "valid list"),
    "an empty list of users": (cell('workload = "fast"\nusers = []'), "cells[0].users", "at least one"),
    "both users and a rate": (cell('workload = "fast"\nusers = [1]\nrate = [1]'), "cells[0]", "give one of users"),
    "a rate of nothing": (cell('workload = "fast"\nrate = [0]'), "cells[0].rate[0]", "at least 0.1"),
    "a million a second": (cell('workload = "fast"\nrate = [1_000_000]'), "cells[0].rate[0]", "at most 50000"),
    "arrivals of another kind": (
        cell('workload = "fast"\nrate = [1]\narrivals = "steady"'), "cells[0].arrivals", "'poisson'",
    ),
    "a limit in flight for users": (
        cell('workload = "fast"\nusers = [1]\nmax_in_flight = 9'), "cells[0]", "can only be used with rate",
    ),
    "nothing in flight": (
        cell('workload = "fast"\nrate = [1]\nmax_in_flight = 0'), "cells[0].max_in_flight", "at least 1",
    ),
    "a search for something else": (
        cell('workload = "fast"\nfind = "limit"\np99_ms = 50'), "cells[0].find", "'knee'",
    ),
    "an objective below the wait": (
        cell('workload = "wait"\nparams = { ms = 100 }\nfind = "knee"\np99_ms = 100'), "cells[0]", "can't be met",
    ),
    "more repeats than a search has room for": (
        TOP.replace("repeats = 1", "repeats = 13") + '[[cells]]\nworkload = "fast"\nfind = "knee"\np99_ms = 50\n',
        "plan", "at most 12",
    ),
    "a search without its objective": (cell('workload = "fast"\nfind = "knee"'), "cells[0]", "such as p99_ms = 250"),
    "an objective without a search": (
        cell('workload = "fast"\nrate = [5]\np99_ms = 50'), "cells[0]", 'p99_ms needs find = "knee"',
    ),
    "an objective of users": (cell('workload = "fast"\nusers = [5]\np99_ms = 50'), "cells[0]", "needs an objective"),
    "an objective alone": (cell('workload = "fast"\np99_ms = 50'), "cells[0]", 'give one of users'),
    "a search at a given rate": (
        cell('workload = "fast"\nrate = [5]\nfind = "knee"\np99_ms = 50'), "cells[0]", "give one of users",
    ),
    "a search at given users": (
        cell('workload = "fast"\nusers = [5]\nfind = "knee"\np99_ms = 50'), "cells[0]", "give one of users",
    ),
    "an objective of nothing": (
        cell('workload = "fast"\nfind = "knee"\np99_ms = 0'), "cells[0].p99_ms", "more than 0",
    ),
    "an objective beyond a minute": (
        cell('workload = "fast"\nfind = "knee"\np99_ms = 60001'), "cells[0].p99_ms", "at most 60000",
    ),
    "an objective beyond the timeout": (
        TOP + 'timeout_s = 5\n[[cells]]\nworkload = "fast"\nfind = "knee"\np99_ms = 5000\n',
        "p99_ms = 5000", "not below timeout_s = 5 s",
    ),
    "to_rate without a search": (
        cell('workload = "fast"\nrate = [5]\nto_rate = 50'), "cells[0]", 'can only be used with find = "knee"',
    ),
    "from_rate without a search": (
        cell('workload = "fast"\nusers = [5]\nfrom_rate = 50'), "cells[0]", 'can only be used with find = "knee"',
    ),
    "a search that ends before it begins": (
        cell('workload = "fast"\nfind = "knee"\np99_ms = 50\nfrom_rate = 200\nto_rate = 100'),
        "from_rate = 200 is above to_rate = 100", "swap them",
    ),
    "a search from nothing": (
        cell('workload = "fast"\nfind = "knee"\np99_ms = 50\nfrom_rate = 0.5'), "cells[0].from_rate", "at least 1",
    ),
    "a search to a million": (
        cell('workload = "fast"\nfind = "knee"\np99_ms = 50\nto_rate = 1_000_000'), "to_rate", "at most 50000",
    ),
    "a knee that is searched twice": (
        TOP + 2 * '[[cells]]\nworkload = "fast"\nfind = "knee"\np99_ms = 50\n', "cells", "keep one",
    ),
    "neighbours of no workload": (
        cell('workload = "mixed"\nshare = 0.05\nrate = [9]'), "cells[0]: mixed needs of too",
        'a mixed cell has of = "cpu"',
    ),
    "neighbours without a share": (
        cell('workload = "mixed"\nof = "cpu"\nrate = [9]'), "mixed needs share too", "share = 0.05",
    ),
    "neighbours of another name": (cell(MIXED.replace("cpu", "cpus") + "rate = [9]"), "of: no workload", "'cpu'"),
    "a scenario of a scenario": (
        cell(MIXED.replace("cpu", "burst") + "rate = [9]"), "of: no workload named 'burst'", "there are: fast, wait",
    ),
    "neighbours and no rate": (cell(MIXED), "cells[0]: mixed needs rate", "slow requests would reduce"),
    "neighbours of users": (cell(MIXED + "users = [9]"), "cells[0]: mixed needs rate", "slow requests would reduce"),
    "the knee of a mixed load": (
        cell(MIXED + 'find = "knee"\np99_ms = 50'), "cells[0]: mixed has no knee", "give rate",
    ),
    "neighbours with a profile": (
        cell(MIXED + steps(1, 2, 1)), "profile cannot be used with mixed", "share = 0.05, rate = [200]",
    ),
    "a share of nothing": (cell(MIXED.replace("0.05", "0") + "rate = [9]"), "cells[0].share", "at least 0.001"),
    "a share of all": (cell(MIXED.replace("0.05", "1.0") + "rate = [9]"), "cells[0].share", "at most 0.9"),
    "a share in words": (cell(MIXED.replace("0.05", '"5 %"') + "rate = [9]"), "cells[0].share", "valid number"),
    "a parameter that the neighbours do not have": (
        cell(MIXED.replace("ksteps", "ms") + "rate = [9]"), "cpu has no parameter 'ms'", "there are: ksteps, inline",
    ),
    "a parameter that the neighbours need": (
        cell('workload = "mixed"\nof = "cpu"\nshare = 0.05\nrate = [9]'), "cpu needs ksteps", "from 1 to 10000",
    ),
    "neighbours that always take longer than the timeout": (
        TOP + "timeout_s = 2\n[[cells]]\n" + MIXED.replace("cpu", "wait").replace("ksteps = 10", "ms = 2000")
        + "rate = [9]\n",
        "wait takes 2 s", "timeout_s = 2 would end every request",
    ),
    "one mixed load twice": (
        cell(MIXED + "rate = [9, 9]"), "mixed cpu share = 0.05, ksteps = 10 with 9 requests/s",
        "is there twice; keep one",
    ),
    "a burst of no workload": (
        cell('workload = "burst"\n' + steps(1, 2, 1)), "burst needs of too", 'a burst has of = "wait"',
    ),
    "a burst without a profile": (
        cell(BURST + "rate = [9]"), "burst needs profile too", "profile = [{ rate = 100, seconds = 5 }",
    ),
    "a burst of users": (cell(BURST + "users = [9]"), "burst needs profile too", "profile = [{ rate = 100"),
    "a burst with a rate": (cell(BURST + steps(1, 2, 1) + "\nrate = [9]"), "cells[0]", "give one of users"),
    "the knee of a burst": (
        cell(BURST + steps(1, 2, 1) + '\nfind = "knee"\np99_ms = 50'), "cells[0]", "give one of users",
    ),
    "a burst with a share": (
        cell(BURST + steps(1, 2, 1) + "\nshare = 0.1"), "share cannot be used with burst", 'a burst has of = "wait"',
    ),
    "a burst without a calm after it": (cell(BURST + steps(1, 2)), "cells[0].profile: too few", "give at least 3"),
    "a profile of nothing": (cell(BURST + "profile = []"), "cells[0].profile", "empty"),
    "a profile upside down": (cell(BURST + steps(2, 1, 2)), "cells[0]: profile: the first and the last", "lower rate"),
    "a profile that is flat": (cell(BURST + steps(2, 2, 2)), "cells[0]: profile: the first and the last", "lower rate"),
    "a profile that does not end calm": (cell(BURST + steps(1, 2, 2)), "cells[0]: profile:", "lower rate"),
    "a step at no rate": (cell(BURST + steps(1, 2, 0)), "cells[0].profile[2].rate", "at least 20"),
    "a step too short to be seen": (
        cell(BURST + steps(1, 2, 1, seconds=0.5)), "cells[0].profile[0].seconds", "at least 1",
    ),
    "an unknown key of a step": (
        cell(BURST + steps(1, 2, 1).replace("seconds", "second")), "cells[0].profile[1].second",
        "did you mean 'seconds'",
    ),
    "a step without its seconds": (
        cell(BURST + "profile = [{ rate = 1 }]"), "cells[0].profile[0].seconds", "this key is needed",
    ),
    "steps that are no tables": (
        cell(BURST + "profile = [1, 2, 1]"), "cells[0].profile[1]", "give a table with keys of rate, seconds, not 2",
    ),
    "a last step in which nothing can recover": (
        cell(BURST + steps(1, 2, 1, seconds=1.5)),
        "the last step lasts 1.5 s", "give at least 2",
    ),
    "fast mixed with fast": (
        cell('workload = "mixed"\nof = "fast"\nshare = 0.1\nrate = [9]'), "of: fast cannot be mixed",
        "name a slow workload",
    ),
    "a knee that calls in a row can't have": (
        cell('workload = "upstream"\nparams = { ms = 100, calls = 5, serial = 1 }\nfind = "knee"\np99_ms = 250'),
        "p99_ms = 250 can't be met: upstream takes 500 ms", "give more",
    ),
    "measure_s for a burst": (
        cell(BURST + steps(1, 2, 1) + "\nmeasure_s = 5.0"), "measure_s cannot be used with profile", "whose steps",
    ),
    "a profile that is no list": (cell(BURST + 'profile = "1 2 1"'), "cells[0].profile", "valid list"),
    "a burst that always takes longer than the timeout": (
        TOP + "timeout_s = 1\n[[cells]]\n" + BURST.replace("10", "1500") + steps(1, 2, 1) + "\n",
        "wait takes 1.5 s", "raise timeout_s",
    ),
    "two bursts to one rate": (
        cell(BURST + steps(1, 9, 1) + "\n[[cells]]\n" + BURST + steps(2, 9, 2)),
        "burst wait, ms = 10 with 180 requests/s", "distinguished by their highest rate",
    ),
    "a plain workload with neighbours": (
        cell('workload = "fast"\nof = "cpu"\nshare = 0.1\nrate = [9]'), "of, share cannot be used with fast",
        'a mixed cell has of = "cpu"',
    ),
    "a plain workload with a profile": (
        cell('workload = "fast"\n' + steps(1, 2, 1)), "profile cannot be used with fast", 'a burst has of = "wait"',
    ),
    "a scenario of another name": (cell('workload = "brust"\nusers = [1]'), "cells[0].workload", "'burst'"),
    "a sender too slow for its timeout": (
        cell('workload = "upload"\nparams = { kib = 30, kib_per_s = 1 }\nusers = [1]'), "upload takes 30 s",
        "timeout_s = 30 would end every request",
    ),
    "a reader too slow for its timeout": (
        cell('workload = "download"\nparams = { kib = 64, kib_per_s = 2 }\nusers = [1]'), "download takes 32 s",
        "ask for less",
    ),
    "calls one after the other that take too long": (
        TOP + 'timeout_s = 1\n[[cells]]\nworkload = "upstream"\nparams = { ms = 500, calls = 2, serial = 1 }\n'
        "users = [1]\n",
        "upstream takes 1 s", "raise timeout_s",
    ),
    "no cells": (TOP + "cells = []\n", "cells", "at least one"),
    "no variants": ('title = "t"\nvariants = []\n' + CELL, "variants", "at least one"),
    "repeats 0": (TOP.replace("repeats = 1", "repeats = 0") + CELL, "repeats", "at least 1"),
    "repeats 1000": (TOP.replace("repeats = 1", "repeats = 1000") + CELL, "repeats", "at most 100"),
    "repeats true": (TOP.replace("repeats = 1", "repeats = true") + CELL, "repeats", "valid integer"),
    "repeats 1.5": (TOP.replace("repeats = 1", "repeats = 1.5") + CELL, "repeats", "valid integer"),
    "a measurement too short": (TOP + "measure_s = 0.1\n" + CELL, "measure_s", "at least 0.5"),
    "a measurement too long": (TOP + "measure_s = 601\n" + CELL, "measure_s", "at most 600"),
    "a measurement without end": (TOP + "measure_s = inf\n" + CELL, "measure_s", "a finite number, not inf"),
    "a measurement that is no number": (TOP + "measure_s = nan\n" + CELL, "measure_s", "a finite number, not nan"),
    "a bool for seconds": (TOP + "measure_s = true\n" + CELL, "measure_s", "valid number"),
    "a negative warm-up": (TOP + "warmup_s = -1\n" + CELL, "warmup_s", "at least 0"),
    "a timeout of zero": (TOP + "timeout_s = 0\n" + CELL, "timeout_s", "at least 1"),
    "a missing title": ('variants = ["flask-threads"]\n' + CELL, "title", "needed"),
    "missing cells": (TOP, "cells", "needed"),
    "a cell without users": (cell('workload = "fast"'), "cells[0]", "give one of users"),
    "a contender named twice": (
        'title = "t"\nvariants = ["flask-threads", "flask-threads"]\n' + CELL, "variants", "name it once",
    ),
    "a load that is there twice": (TOP + CELL.replace("[1]", "[1, 1]"), "cells", "keep one"),
    "a cell that is there twice": (TOP + CELL + CELL, "cells", "keep one"),
    "cells that share their trials with other arrivals": (
        TOP + shared('arrivals = "uniform"'), "cells: wait at 50rps has arrivals = ", "give both the same arrivals",
    ),
    "cells that share their trials with other limits": (
        TOP + shared("max_in_flight = 9"), "cells: wait at 50rps has max_in_flight = 2000", "9 in another",
    ),
    "an external service elsewhere": (external(base_url='"http://10.0.0.1:80"'), "'mine'", "--allow-remote"),
    "an external service over TLS": (external(base_url='"https://127.0.0.1"'), "external[0].base_url", "http://HOST"),
    "an address without a scheme": (external(base_url='"127.0.0.1:80"'), "external[0].base_url", "http://HOST:PORT"),
    "an address with a path": (external(base_url='"http://127.0.0.1:80/api"'), "base_url", "belongs in paths"),
    "an address with a password": (external(base_url='"http://me:it@127.0.0.1:80"'), "base_url", "http://HOST:PORT"),
    "a port too high": (external(base_url='"http://127.0.0.1:99999"'), "external[0].base_url", "http://HOST:PORT"),
    "a port that is no number": (external(base_url='"http://127.0.0.1:abc"'), "base_url", "http://HOST:PORT"),
    "an address that is cut off": (external(base_url='"http://[::1"'), "external[0].base_url", "http://HOST:PORT"),
    "an unknown placeholder": (external(paths='{ wait = "/s?t={seconds}" }'), "external[0].paths", "{ms}"),
    "a placeholder with an attribute": (external(paths='{ wait = "/s?t={ms.x}" }'), "external[0].paths", "{ms}"),
    "a placeholder with an index": (external(paths='{ wait = "/s?t={ms[0]}" }'), "external[0].paths", "{ms}"),
    "a placeholder where there is none": (external(paths='{ fast = "/{ms}" }'), "external[0].paths", "known: none"),
    "a brace that does not close": (external(paths='{ wait = "/s?t={ms" }'), "external[0].paths", "{ms}"),
    "a path without a slash": (external(paths='{ wait = "sleep" }'), "external[0].paths", "begins with /"),
    "a path with a blank": (external(paths='{ wait = "/a b" }'), "external[0].paths", "%20"),
    "a path with a line break": (external(paths=r'{ wait = "/a\r\nX: y" }'), "external[0].paths", "%20"),
    "a path for an unknown workload": (external(paths='{ wiat = "/s" }'), "external[0].paths", "'wait'"),
    "no paths": (external(paths="{}"), "external[0].paths", "at least one"),
    "a name with blanks": (external(name='"My Service"'), "external[0].name", "[a-z0-9]"),
    "a name that a variant has": (external(name='"django-gevent"'), "'django-gevent'", "choose another"),
    "a name that another has": (TOP + CELL + MINE + MINE, "'mine'", "choose another"),
    "a contender of a cell that is not in the plan": (
        cell('workload = "fast"\nusers = [1]\nvariants = ["django-gevent"]'), "cells[0].variants", "add it to them",
    ),
    "a cell that names nobody": (cell('workload = "fast"\nusers = [1]\nvariants = []'), "cells[0].variants", "least"),
    "no workers": (cell('workload = "fast"\nusers = [1]\nworkers = [0]'), "cells[0].workers[0]", "at least 1"),
    "workers for a variant of several processes": (
        cell('workload = "fast"\nusers = [1]\nworkers = [1]').replace("flask-threads", "node-cluster"),
        "cells[0].workers", "node-cluster always has 2 processes; leave it out with variants",
    ),
    "a limit that no service has": (
        cell('workload = "fast"\nusers = [1]\nbudget = { threads = 4 }'), "cells[0].budget", "'in_flight' or 'db_pool'",
    ),
    "another limit for a sync worker": (
        cell('workload = "fast"\nusers = [1]\nbudget = { in_flight = 4 }').replace("flask-threads", "django-sync"),
        "cells[0].budget", "django-sync has in_flight = 1, which cannot be changed; leave it out with variants",
    ),
    "another limit for a variant without it": (
        cell('workload = "fast"\nusers = [1]\nbudget = { in_flight = 4 }').replace("flask-threads", "fastapi-asyncio"),
        "cells[0].budget", "fastapi-asyncio has in_flight = no limit, which cannot be changed",
    ),
    "workers for a variant that always has one process": (
        cell('workload = "fast"\nusers = [1]\nworkers = [1, 2]').replace("flask-threads", "go"),
        "cells[0].workers",
        "go always has one process, because its server cannot start more; leave it out with variants",
    ),
    "repeats for a search": (
        cell('workload = "fast"\nfind = "knee"\np99_ms = 9\nrepeats = 5'), "cells[0]",
        "repeats cannot be used with find",
    ),
    "no cores": (cell('workload = "fast"\nusers = [1]\nservice_cpus = 0'), "cells[0].service_cpus", "at least 1"),
    "cores for a mixed load": (
        cell(MIXED + "rate = [50]\nservice_cpus = 2"), "cells[0]", "can only be used with a plain workload",
    ),
    "cores for a search": (
        cell('workload = "fast"\nfind = "knee"\np99_ms = 9\nservice_cpus = 2'), "cells[0]", "with a plain workload",
    ),
    "half a line": ("title =\nrepeats = 1\n", "not valid TOML", "line 1"),
    "bytes that are not text": (b'title = "\xff"', "not valid TOML", "utf-8"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_plan_is_refused_with_the_file_the_key_and_the_fix(case: str, tmp_path: Path) -> None:
    text, key, right = BAD[case]
    message = refusal(tmp_path, text)
    assert str(tmp_path / "mine.toml") in message
    assert key in message
    assert right in message


def test_every_mistake_in_a_plan_is_reported_at_once(tmp_path: Path) -> None:
    message = refusal(tmp_path, 'titel = "t"\n[[cells]]\nworkload = "fast"\nusers = [0]\n')
    assert all(key in message for key in ("title:", "titel:", "variants:", "cells[0].users[0]:"))


def test_a_plan_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: it is a directory"):
        load_plan(tmp_path, VARIANTS)


def test_an_external_service_on_another_machine_is_allowed_with_the_option(tmp_path: Path) -> None:
    file = written(tmp_path, external(base_url='"http://10.0.0.1:80/"'))
    assert load_plan(file, VARIANTS, allow_remote=True).external[0].base_url == "http://10.0.0.1:80"


@pytest.mark.parametrize("host", ["127.0.0.1:9", "localhost:9", "[::1]:9", "127.0.0.1"])
def test_an_external_service_on_this_machine_needs_no_option(host: str, tmp_path: Path) -> None:
    assert load_plan(written(tmp_path, external(base_url=f'"http://{host}"')), VARIANTS).external


def test_names_of_the_compose_network_are_allowed_there_and_only_there(tmp_path: Path) -> None:
    file = written(tmp_path, external(base_url='"http://mine:8000"'))
    assert load_plan(file, VARIANTS, in_compose=True).external
    with pytest.raises(UsageError, match="--allow-remote"):
        load_plan(file, VARIANTS)


def test_a_plan_with_only_the_required_keys_has_sensible_defaults(tmp_path: Path) -> None:
    plan = load_plan(written(tmp_path, 'title = "t"\nvariants = ["flask-threads"]\n' + CELL), VARIANTS)
    assert (plan.repeats, plan.warmup_s, plan.measure_s, plan.timeout_s) == (3, 1.5, 3.0, 30.0)
    assert [(cell.workload, point.load) for cell, point in plan.load_points] == [("wait", 1)]


def test_a_rate_makes_an_open_loop(tmp_path: Path) -> None:
    text = TOP + '[[cells]]\nworkload = "fast"\nrate = [200, 0.5]\nmax_in_flight = 10\narrivals = "uniform"\n'
    [cell] = load_plan(written(tmp_path, text), VARIANTS).cells
    assert [(point.conditions.load_model, point.load, point.tag) for point in cell.points] == [
        ("open", 200.0, "200rps"),
        ("open", 0.5, "0.5rps"),
    ]
    assert (cell.max_in_flight, cell.arrivals) == (10, "uniform")


def test_a_search_has_no_load_but_a_first_and_a_last_rate(tmp_path: Path) -> None:
    text = TOP + '[[cells]]\nworkload = "fast"\nfind = "knee"\np99_ms = 50\nmax_in_flight = 10\narrivals = "uniform"\n'
    plan = load_plan(written(tmp_path, text), VARIANTS)
    [cell] = plan.searches
    assert (cell.loads, plan.load_points, schedule(plan, 0)) == ([], [], [])
    assert (cell.from_rate, cell.to_rate, cell.max_in_flight) == (100, 20_000, 10)


def test_one_workload_can_be_searched_for_two_objectives(tmp_path: Path) -> None:
    both = '[[cells]]\nworkload = "fast"\nfind = "knee"\np99_ms = {}\n'
    assert len(load_plan(written(tmp_path, TOP + both.format(50) + both.format(100)), VARIANTS).searches) == 2


def test_a_mixed_load_requests_two_workloads_and_measures_the_fast_one(tmp_path: Path) -> None:
    [found] = load_plan(written(tmp_path, cell(MIXED + "rate = [9, 20]")), VARIANTS).cells
    assert (found.measured, found.asked) == ("fast", {"fast", "cpu"})
    assert (found.conditions.load_model, found.loads) == ("open", [9, 20])


def test_a_burst_is_one_load_named_for_its_highest_rate(tmp_path: Path) -> None:
    [found] = load_plan(written(tmp_path, cell(BURST + steps(5, 70, 9, 70, 5))), VARIANTS).cells
    assert (found.measured, found.asked) == ("wait", {"wait"})
    assert [point.tag for point in found.points] == ["1400rps"]
    assert found.conditions.burst is not None
    stages = found.conditions.burst.stages
    assert [(stage.rate, stage.seconds) for stage in stages] == [(20 * rate, 2) for rate in (5, 70, 9, 70, 5)]


@pytest.mark.parametrize(
    "text",
    [
        MIXED + "rate = [9]\n[[cells]]\n" + MIXED.replace("0.05", "0.1") + "rate = [9]",
        MIXED + "rate = [9]\n[[cells]]\n" + MIXED.replace("cpu", "disk").replace("ksteps", "kib") + "rate = [9]",
        BURST + steps(1, 9, 1) + "\n[[cells]]\n" + BURST + steps(1, 8, 1),
        BURST + steps(1, 9, 1) + '\n[[cells]]\nworkload = "wait"\nparams = { ms = 10 }\nrate = [9]',
    ],
    ids=["another share", "another workload", "another peak", "a plain load too"],
)
def test_a_plan_may_have_several_different_scenarios(text: str, tmp_path: Path) -> None:
    assert len(load_plan(written(tmp_path, cell(text)), VARIANTS).load_points) == 2


def seconds(plan: Plan) -> float:
    return sum(plan.warmup_s + slot.measure_s for slot in schedule(plan, 0))


@pytest.mark.parametrize("name", plan_names())
def test_every_bundled_plan_can_be_run(name: str) -> None:
    plan = load_plan(find_plan(name), VARIANTS)
    assert seconds(plan) > 0 or plan.searches
    assert tomllib.loads(find_plan(name).read_text())["title"] == plan.title


def test_a_limit_that_cannot_be_shared_among_workers_is_refused(tmp_path: Path) -> None:
    cells = '[[cells]]\nworkload = "fast"\nrate = [10]\nmax_in_flight = 2\n[[cells]]\nworkload = "fast"\nusers = [1]\n'
    file = tmp_path / "mine.toml"
    file.write_text(f'title = "t"\nvariants = ["flask-threads"]\n{cells}')
    plan = load_plan(file, VARIANTS)
    require_shares(plan, 2)
    with pytest.raises(UsageError, match="use at most 2 workers"):
        require_shares(plan, 3)


def test_smoke_quick_and_the_lesson_are_short() -> None:
    assert seconds(load_plan(find_plan("lesson"), VARIANTS)) < 40
    assert seconds(load_plan(find_plan("smoke"), VARIANTS)) < 30
    assert seconds(load_plan(find_plan("quick"), VARIANTS)) < 180


def test_full_covers_everything_and_ends_within_half_an_hour() -> None:
    plan = load_plan(find_plan("full"), VARIANTS)
    covered = {name for cell in plan.cells for name in (cell.workload, *cell.asked)}
    assert covered == {*WORKLOADS, *SCENARIOS}
    # A trial took up to half a second more than planned; checking and starting everything took a minute.
    assert seconds(plan) + len(schedule(plan, 0)) / 2 < 28 * 60
    assert all(select(plan, VARIANTS, [], [name]).cells for name in {cell.workload for cell in plan.cells})


def test_a_cell_may_have_its_own_time(tmp_path: Path) -> None:
    cells = CELL + "measure_s = 7.0\n" + CELL.replace("[1]", "[2]")
    plan = load_plan(written(tmp_path, TOP + "measure_s = 2.0\n" + cells), VARIANTS)
    assert {slot.measure_s for slot in schedule(plan, 0)} == {2.0, 7.0}


def test_a_plan_is_found_by_name_and_by_path(tmp_path: Path) -> None:
    file = written(tmp_path, TOP + CELL)
    assert find_plan("quick").name == "quick.toml"
    assert find_plan(str(file)) == file


@pytest.mark.parametrize(("name", "advice"), [("quikc", "'quick'"), ("zzz", "there are: "), ("a/b", "no plan file")])
def test_a_plan_that_does_not_exist_is_refused_with_the_known_plans(name: str, advice: str) -> None:
    with pytest.raises(UsageError, match=advice):
        find_plan(name)


class TestSelect:
    @pytest.fixture
    def plan(self, tmp_path: Path) -> Plan:
        more = '[[cells]]\nworkload = "db"\nparams = { ms = 5 }\nusers = [1]\n'
        top = 'title = "t"\nvariants = ["flask-threads", "django-gevent"]\n'
        return load_plan(written(tmp_path, top + CELL + more + MINE), VARIANTS)

    def test_choosing_nothing_means_all(self, plan: Plan) -> None:
        assert select(plan, VARIANTS, [], []) == plan

    def test_one_variant_leaves_the_others_and_the_external_out(self, plan: Plan) -> None:
        found = select(plan, VARIANTS, ["django-gevent"], [])
        assert (found.variants, found.external, found.cells) == (["django-gevent"], [], plan.cells)

    def test_a_variant_that_the_plan_does_not_name_is_added(self, plan: Plan) -> None:
        assert select(plan, VARIANTS, ["fastapi-asyncio"], []).variants == ["fastapi-asyncio"]

    def test_a_variant_chosen_twice_is_compared_with_itself(self, plan: Plan) -> None:
        found = select(plan, VARIANTS, ["flask-threads", "flask-threads"], [])
        assert (found.variants, found.external) == (["flask-threads", "flask-threads"], [])

    def test_an_external_service_chosen_twice_is_compared_with_itself(self, plan: Plan) -> None:
        found = select(plan, VARIANTS, ["mine", "flask-threads", "mine"], [])
        assert [(item.name, item.base_url) for item in found.external] == [
            ("mine", "http://127.0.0.1:9000"), ("mine-2", "http://127.0.0.1:9000"),
        ]  # fmt: skip
        assert found.variants == ["flask-threads"]

    def test_a_repeated_contender_never_takes_the_name_of_another(self, tmp_path: Path) -> None:
        plan = load_plan(written(tmp_path, TOP + CELL + MINE.replace('"mine"', '"flask-threads-2"')), VARIANTS)
        chosen = ["flask-threads", "flask-threads", "flask-threads-2"]
        with pytest.raises(UsageError, match="two contenders would be called 'flask-threads-2'; leave one of them out"):
            select(plan, VARIANTS, chosen, [])

    def test_a_workload_leaves_the_other_cells_out(self, plan: Plan) -> None:
        found = select(plan, VARIANTS, [], ["db"])
        assert ([c.workload for c in found.cells], found.variants) == (["db"], plan.variants)

    @pytest.mark.parametrize("workloads", [[], ["wait"], ["wait", "db"]])
    def test_an_instrument_runs_if_it_serves_one_of_the_cells(self, plan: Plan, workloads: list[str]) -> None:
        assert select(plan, VARIANTS, ["null"], workloads).variants == ["null"]

    def test_a_plan_that_measures_nothing_is_refused_even_if_nothing_is_chosen(self, tmp_path: Path) -> None:
        cells = '[[cells]]\nworkload = "db"\nparams = { ms = 5 }\nusers = [1]\n'
        plan = load_plan(written(tmp_path, 'title = "t"\nvariants = ["null"]\n' + cells), VARIANTS)
        with pytest.raises(UsageError, match="nothing would be measured"):
            select(plan, VARIANTS, [], [])

    @pytest.mark.parametrize("name", ["flask-free-threaded", "node-cluster", "null"])
    def test_a_variant_that_no_cell_names_is_refused(self, name: str) -> None:
        plan = load_plan(find_plan("claims"), VARIANTS)
        with pytest.raises(UsageError, match=f"the chosen cells name .*, not {name}; choose one of those"):
            select(plan, VARIANTS, [name], [])

    def test_a_contender_that_cannot_have_the_form_of_any_cell_is_refused(self, tmp_path: Path) -> None:
        forms = cell('workload = "wait"\nparams = { ms = 5 }\nusers = [1]\nservice_cpus = 2')
        plan = load_plan(written(tmp_path, forms + MINE), VARIANTS)
        with pytest.raises(UsageError, match="set workers, service_cpus or budget, which cannot be changed for mine"):
            select(plan, VARIANTS, ["mine"], [])

    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("node-cluster", "always has 2 processes"),
            ("go", "always has one process"),
            ("null", "always has one process"),
        ],
    )
    def test_a_variant_with_a_fixed_number_of_processes_is_refused_if_a_chosen_cell_asks_for_another(
        self, name: str, why: str, tmp_path: Path
    ) -> None:
        more = '[[cells]]\nworkload = "fast"\nusers = [1]\nworkers = [1, 2]\n'
        plan = load_plan(written(tmp_path, TOP + CELL + more), VARIANTS)
        with pytest.raises(UsageError, match=rf"^cells\[1\]\.workers: {name} {why}.*; leave it out with variants"):
            select(plan, VARIANTS, ["flask-threads", name], [])
        assert select(plan, VARIANTS, [name], ["wait"]).variants == [name]
        named = load_plan(written(tmp_path, TOP + CELL + more + 'variants = ["flask-threads"]\n'), VARIANTS)
        assert select(named, VARIANTS, ["flask-threads", name], []).cells == named.cells

    def test_a_server_that_takes_no_number_of_processes_has_one(self, tmp_path: Path) -> None:
        plan = load_plan(written(tmp_path, cell('workload = "fast"\nusers = [1]\nworkers = [1]')), VARIANTS)
        assert select(plan, VARIANTS, ["null"], []).variants == ["null"]

    @pytest.fixture
    def scenarios(self, tmp_path: Path) -> Plan:
        cells = cell(MIXED + "rate = [9]\n[[cells]]\n" + BURST + steps(1, 2, 1))
        return load_plan(written(tmp_path, cells + MINE), VARIANTS)

    @pytest.mark.parametrize("name", ["mixed", "burst"])
    def test_a_scenario_is_chosen_by_its_name(self, scenarios: Plan, name: str) -> None:
        assert [found.workload for found in select(scenarios, VARIANTS, [], [name]).cells] == [name]

    def test_a_scenario_is_not_chosen_by_the_workload_in_it(self, scenarios: Plan) -> None:
        with pytest.raises(UsageError, match="no cell with the workload wait; it has mixed, burst"):
            select(scenarios, VARIANTS, [], ["wait"])

    def test_a_contender_that_serves_half_of_a_mixed_load_does_not_run_it(self, scenarios: Plan) -> None:
        """The null service serves fast but no work; the external service serves only wait."""
        for name, chosen in (("null", ["mixed"]), ("mine", ["mixed"])):
            with pytest.raises(UsageError, match=f"{name} serves only .*, but the chosen cells need cpu, fast"):
                select(scenarios, VARIANTS, [name], chosen)
        assert select(scenarios, VARIANTS, ["null", "mine"], ["burst"]).variants == ["null"]

    def test_an_external_service_can_run_alone(self, plan: Plan) -> None:
        found = select(plan, VARIANTS, ["mine"], [])
        assert (found.variants, [item.name for item in found.external]) == ([], ["mine"])

    def test_an_external_service_can_meet_one_variant(self, plan: Plan) -> None:
        found = select(plan, VARIANTS, ["mine", "flask-threads"], ["wait"])
        assert (found.variants, [item.name for item in found.external]) == (["flask-threads"], ["mine"])

    @pytest.mark.parametrize(
        ("variants", "workloads", "advice"),
        [
            (["djang-gevent"], [], "'django-gevent'"),
            (["nothing"], [], "there are: flask-threads"),
            ([], ["wiat"], "'wait'"),
            ([], ["fast"], "it has wait, db"),
            (["mine"], ["db"], "mine serves only wait, but the chosen cells need db"),
            (["null"], ["db"], "null serves only fast, wait, but the chosen cells need db"),
            (["null", "mine"], ["db"], "null, mine serve only fast, wait, "),
        ],
    )
    def test_an_unknown_or_unserved_name_is_refused(
        self, plan: Plan, variants: list[str], workloads: list[str], advice: str
    ) -> None:
        with pytest.raises(UsageError, match=advice):
            select(plan, VARIANTS, variants, workloads)
