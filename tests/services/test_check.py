"""`waitbench check` against each live service: every check passes."""

import dataclasses

import pytest

from tests.conftest import EVERY_APP
from waitbench.catalog.variants import Variant, load_variants
from waitbench.catalog.workloads import WORKLOADS
from waitbench.check.contract import check_contract
from waitbench.check.service import check_service
from waitbench.launch.client import Service

pytestmark = pytest.mark.live


LISTED = load_variants()
GROUPS = {"contract", "timing", "overlap", "budget"}
QUART = "quart-asyncio"
"""Its application is its own, but its waits and its work are those of others."""
SIBLINGS = [name for name, variant in LISTED.items() if variant.kind != "trap" and name not in (*EVERY_APP, QUART)]
"""Each runs the application of another variant, or a bare callable."""
_CHECKED = {LISTED[name].server for name in (*EVERY_APP, QUART)}
_FIRST = {LISTED[name].server: name for name in reversed(SIBLINGS)}
SERVERS = [name for name in SIBLINGS if LISTED[name].server not in _CHECKED and _FIRST[LISTED[name].server] == name]
"""One variant for each server that no other test starts."""
BY_ITS_SERVER = {"fast", "wait", "disk"}
"""The workloads that show what the server decides: how many concurrent requests wait, and how many work."""


LIKE_ANOTHER = ("django-asyncio", "fastapi-threads")
"""Their work, bodies, and calls of the remote API and the database use the same code as another variant. Each run also
checks that their calls overlap, before its first trial."""


@pytest.mark.parametrize("variant", [name for name in EVERY_APP if name not in LIKE_ANOTHER], indirect=True)
def test_every_check_passes(service: Service, variant: Variant) -> None:
    findings = check_service(service, variant)
    assert [finding for finding in findings if not finding.good] == []
    assert {finding.group for finding in findings} == GROUPS


@pytest.mark.parametrize("variant", [*LIKE_ANOTHER, *SERVERS, QUART], indirect=True)
def test_every_check_that_the_server_decides_passes_for_the_others(service: Service, variant: Variant) -> None:
    findings = check_service(service, variant, BY_ITS_SERVER)
    assert [finding for finding in findings if not finding.good] == []
    assert {finding.group for finding in findings} == GROUPS


@pytest.mark.parametrize("variant", [QUART], indirect=True)
def test_an_application_of_its_own_keeps_the_whole_contract(service: Service, variant: Variant) -> None:
    findings = list(check_contract(service, variant, WORKLOADS.values()))
    assert [finding for finding in findings if not finding.good] == []
    assert len(findings) > 200


@pytest.mark.slow  # only this shows that each pair of application and server is correct on every workload
@pytest.mark.parametrize("variant", [*LIKE_ANOTHER, *SIBLINGS, QUART], indirect=True)
def test_every_check_of_every_workload_passes_for_the_others(service: Service, variant: Variant) -> None:
    findings = check_service(service, variant)
    assert [finding for finding in findings if not finding.good] == []


@pytest.mark.parametrize("variant", ["null"], indirect=True)
def test_only_the_chosen_workloads_are_checked(service: Service, variant: Variant) -> None:
    findings = check_service(service, variant, {"fast"})
    assert all(finding.good for finding in findings)
    assert {finding.group for finding in findings} == {"contract", "budget"}
    assert not any("/wait?" in finding.what for finding in findings)


@pytest.mark.parametrize("variant", ["null"], indirect=True)
def test_a_workload_that_is_served_but_not_declared_is_found_and_the_reverse(service: Service) -> None:
    null = LISTED["null"]
    less = check_service(service, dataclasses.replace(null, workloads=("fast",)))
    assert {finding.what for finding in less if not finding.good} == {"GET /wait is refused with 404"}
    more = check_service(service, dataclasses.replace(null, workloads=("fast", "wait", "db")))
    assert {finding.group for finding in more if not finding.good} == {"contract", "timing", "overlap"}
