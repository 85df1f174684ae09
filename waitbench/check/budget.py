"""Checks whether the running service has the declared budget and concurrency model."""

from collections.abc import Iterator

from waitbench.catalog.variants import Variant, budget_differences
from waitbench.check.finding import Finding
from waitbench.check.runtime import check_runtime
from waitbench.launch.client import Service


def check_budget(service: Service, variant: Variant) -> Iterator[Finding]:
    info = service.info()
    differing = budget_differences(variant.budget, info.get("budget", {}))
    for name, declared, found in differing:
        yield Finding("budget", f"{name} is {declared}", False, f"the running service has {found}")
    if not differing:
        yield Finding("budget", f"{len(variant.budget)} values are as declared", True)
    if not variant.gil:
        why = "the GIL is on: this Python is not free-threaded, or a module switched the GIL on"
        yield Finding("budget", "the GIL is off", not info.get("gil", True), why)
    yield from check_runtime(variant, info.get("runtime", {}))
