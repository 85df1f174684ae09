"""Keeps one service up for use by hand, or checks services one after the other."""

import time
from collections.abc import Collection

import click
from rich.console import Console

from waitbench.catalog.variants import Variant
from waitbench.catalog.workloads import WORKLOADS, Workload
from waitbench.check.finding import Finding
from waitbench.check.service import check_service
from waitbench.errors import WaitbenchError
from waitbench.launch.client import Service
from waitbench.launch.local import LocalStack, require_free
from waitbench.run.lines import tell as console_line
from waitbench.run.locks import Work, announced


def serve(variant: Variant, port: int) -> None:
    """Run one service with its dependencies until a signal comes. Raises WaitbenchError if one of them dies."""
    require_free(port, variant.name)
    with announced(Work(serves=port)), LocalStack() as stack:
        stack.start([variant.name], ports={variant.name: port})
        click.echo(f"{variant.name} is up; try:")
        for command in commands(stack.base_urls[variant.name], variant):
            click.echo(f"  {command}")
        click.echo("Ctrl-C ends it.")
        while not (error := stack.died()):
            time.sleep(0.2)
        raise error


def commands(base_url: str, variant: Variant) -> list[str]:
    """Return shell commands that request `/info` and each workload of the variant."""
    served = [workload for workload in WORKLOADS.values() if variant.serves(workload.name)]
    asked = [(_curl_options(workload), workload.path(workload.sample)) for workload in served]
    return [f"curl {options}'{base_url}{path}'" for options, path in [("", "/info"), *asked]]


def _curl_options(workload: Workload) -> str:
    """Options for what curl would not do by itself: send a body, and read slowly without printing the response."""
    if workload.sends:
        return "--data-binary 'any bytes' "
    return "--limit-rate 64K --output /dev/null " if workload.receives else ""


def check(names: list[str], known: dict[str, Variant], console: Console, workloads: Collection[str] = ()) -> bool:
    """Start, check and report the named services one after the other. Returns whether all findings are good.

    It checks all workloads, or only those in `workloads`.
    """
    all_good = True
    with announced(Work()), LocalStack() as stack:
        for name in dict.fromkeys(names):
            findings = _checked(stack, known[name], workloads or tuple(WORKLOADS))
            tell(name, findings, console)
            all_good = all_good and all(finding.good for finding in findings)
    return all_good


def _checked(stack: LocalStack, variant: Variant, workloads: Collection[str]) -> list[Finding]:
    """Start and check one service. If it does not start, that is a finding, and the others are still checked."""
    try:
        stack.start([variant.name], workloads=workloads)
        with Service(stack.base_urls[variant.name]) as service:
            return check_service(service, variant, workloads)
    except WaitbenchError as error:
        return [Finding("start", "the service starts", False, str(error))]
    finally:
        if variant.name in stack.processes:
            stack.processes[variant.name].end()


def tell(name: str, findings: list[Finding], console: Console) -> None:
    bad = [finding for finding in findings if not finding.good]
    mark = ("wrong", "red") if bad else ("good", "green")
    console_line(console, f"{name}: ", mark, f", {len(findings) - len(bad)} of {len(findings)} checks passed")
    for finding in bad:
        console_line(console, f"  {finding.group}: {finding.what}\n    {finding.detail}")
