"""What `waitbench check` looks at, against each live service as it should be."""

import dataclasses

import pytest

from waitbench.check import check_service
from waitbench.service import Service
from waitbench.variants import Variant, load_variants

pytestmark = pytest.mark.live


LISTED = load_variants()
SOUND = [name for name, variant in LISTED.items() if variant.kind != "trap"]


@pytest.mark.parametrize("variant", SOUND, indirect=True)
def test_every_check_holds(service: Service, variant: Variant) -> None:
    findings = check_service(service, variant)
    assert [finding for finding in findings if not finding.good] == []
    assert {finding.group for finding in findings} == {"contract", "timing", "overlap", "budget"}


@pytest.mark.parametrize("variant", ["null"], indirect=True)
def test_of_some_workloads_no_others_are_looked_at(service: Service, variant: Variant) -> None:
    findings = check_service(service, variant, {"fast"})
    assert all(finding.good for finding in findings)
    assert {finding.group for finding in findings} == {"contract", "budget"}
    assert not any("/wait?" in finding.what for finding in findings)


@pytest.mark.parametrize("variant", ["null"], indirect=True)
def test_a_workload_that_is_served_and_not_declared_is_found_and_so_is_the_reverse(service: Service) -> None:
    null = LISTED["null"]
    less = check_service(service, dataclasses.replace(null, workloads=("fast",)))
    assert {finding.what for finding in less if not finding.good} == {"GET /wait is refused with 404"}
    more = check_service(service, dataclasses.replace(null, workloads=("fast", "wait", "db")))
    assert {finding.group for finding in more if not finding.good} == {"contract", "timing", "overlap"}
