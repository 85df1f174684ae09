"""Runs all checks of one live service: contract, timing, overlap, budget."""

from collections.abc import Container, Iterator
from dataclasses import replace

from waitbench.catalog.variants import Variant
from waitbench.catalog.workloads import WORKLOADS
from waitbench.check.budget import check_budget
from waitbench.check.contract import check_contract
from waitbench.check.finding import Finding
from waitbench.check.overlap import check_overlap
from waitbench.check.timing import check_timing
from waitbench.errors import WaitbenchError
from waitbench.launch.client import Service


def check_service(service: Service, variant: Variant, only: Container[str] = WORKLOADS) -> list[Finding]:
    """Run every check on the workloads that the service serves, limited to those in `only`.

    A service that stops responding is a finding, not an error.
    """
    workloads = [workload for name, workload in WORKLOADS.items() if variant.serves(name) and name in only]
    findings = [
        *_seen("contract", check_contract(service, variant, workloads)),
        *_seen("timing", check_timing(service, workloads)),
    ]
    short = {finding.workload for finding in findings if finding.group == "timing" and not finding.good}
    findings += _seen("overlap", check_overlap(service, variant.budget, workloads, short, variant.kind == "trap"))
    findings += _seen("budget", check_budget(service, variant))
    return [_named(finding, variant) for finding in findings]


def _named(finding: Finding, variant: Variant) -> Finding:
    """A trap is wrong on purpose, so its failed findings get the reason."""
    if finding.good or not variant.trap:
        return finding
    return replace(finding, detail=f"{finding.detail} (a trap: {variant.trap})")


def _seen(group: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    try:
        yield from findings
    except WaitbenchError as error:
        yield Finding(group, "the service responds", False, str(error))
