"""Services for a person: one kept up to try by hand, or each checked in turn."""

import time

import click
from rich.console import Console

from waitbench.check import SAMPLES, Finding, check_service
from waitbench.launch.local import LocalStack, require_free
from waitbench.service import Service
from waitbench.variants import Variant
from waitbench.workloads import WORKLOADS


def serve(variant: Variant, port: int) -> None:
    """One service with its dependencies, until a signal comes. Raises WaitbenchError when one of them dies."""
    require_free(port, variant.name)
    with LocalStack() as stack:
        stack.start([variant.name], ports={variant.name: port})
        click.echo(f"{variant.name} is up; try:")
        served = [workload.path(SAMPLES[name]) for name, workload in WORKLOADS.items() if variant.serves(name)]
        for path in ("/info", *served):
            click.echo(f"  curl '{stack.base_urls[variant.name]}{path}'")
        click.echo("Ctrl-C ends it.")
        while not (error := stack.died()):
            time.sleep(0.2)
        raise error


def check(names: list[str], known: dict[str, Variant], console: Console) -> bool:
    """Start the named services, check each, tell what was found; whether all is well."""
    with LocalStack() as stack:
        stack.start(names)
        found = {name: _checked(stack.base_urls[name], known[name]) for name in names}
    for name, findings in found.items():
        tell(name, findings, console)
    return all(finding.good for findings in found.values() for finding in findings)


def _checked(base_url: str, variant: Variant) -> list[Finding]:
    with Service(base_url) as service:
        return check_service(service, variant)


def tell(name: str, findings: list[Finding], console: Console) -> None:
    bad = [finding for finding in findings if not finding.good]
    mark = "[red]wrong[/]" if bad else "[green]good[/]"
    console.print(f"{name}: {mark}, {len(findings) - len(bad)} of {len(findings)} checks hold", highlight=False)
    for finding in bad:
        console.print(f"  {finding.group}: {finding.what}\n    {finding.detail}", highlight=False, markup=False)
