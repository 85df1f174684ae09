"""Shell completion: the names of plans, variants and workloads, with their titles if the shell shows them."""

from collections.abc import Mapping

import click
from click.shell_completion import CompletionItem

from waitbench.catalog.variants import load_variants
from waitbench.plan.bundled import plan_titles

Completions = list[CompletionItem[str]]


def plans(_: click.Context, __: click.Parameter, begun: str) -> Completions:
    """Complete names of plans; if none begins like that, the shell completes a path."""
    return _named(plan_titles(), begun) or [CompletionItem(begun, type="file")]


def variants(_: click.Context, __: click.Parameter, begun: str) -> Completions:
    return _named({name: variant.title for name, variant in load_variants().items()}, begun)


def workloads(_: click.Context, __: click.Parameter, begun: str) -> Completions:
    from waitbench.catalog.scenarios import SCENARIOS
    from waitbench.catalog.workloads import WORKLOADS

    titles = {name: workload.title for name, workload in WORKLOADS.items()}
    return _named(titles | {name: scenario.title for name, scenario in SCENARIOS.items()}, begun)


def _named(titles: Mapping[str, str], begun: str) -> Completions:
    return [CompletionItem(name, help=title) for name, title in titles.items() if name.startswith(begun)]
