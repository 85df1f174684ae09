"""The list of workloads.

It states the contract a second time, independently of the services: a response is correct if it equals `exchange`.
"""

from collections.abc import Iterable

from waitbench.catalog.entries.bodies import BODIES
from waitbench.catalog.entries.waiting import WAITING
from waitbench.catalog.entries.work import WORK
from waitbench.catalog.parameters import NO_YES as NO_YES
from waitbench.catalog.parameters import Parameter as Parameter
from waitbench.catalog.parameters import Params as Params
from waitbench.catalog.parameters import params_tags as params_tags
from waitbench.catalog.parameters import params_words as params_words
from waitbench.catalog.workload import Dependency
from waitbench.catalog.workload import Workload as Workload
from waitbench.records.fault import shown
from waitbench.records.load_point import Mixed

EARLY_MS = 2.0
"""A correct response may come this much before its shortest time, since event loops round timers to milliseconds."""

WORKLOADS = {workload.name: workload for workload in (*WAITING, *BODIES, *WORK)}


def needed(names: Iterable[str]) -> set[Dependency]:
    """The programs that these workloads call."""
    return {dependency for name in names for dependency in WORKLOADS[name].needs}


def neighbours_words(slow: Mixed) -> str:
    """`5 % of cpu, ksteps = 200`."""
    return ", ".join([f"{slow.share * 100:g} % of {slow.workload}", *params_words(slow.params)])


def params_fault(workload: str, params: Params) -> str:
    """Why this workload cannot be requested, with the wrong key; "" if it can."""
    if workload not in WORKLOADS:
        return f"workload: there is no workload {shown(workload)}"
    known = WORKLOADS[workload].parameters
    for name, value in params.items():
        if name not in known or not known[name].low <= value <= known[name].high:
            return f"params.{name}: {workload} does not accept {shown(value)}"
    lacks = [name for name, parameter in known.items() if parameter.default is None and name not in params]
    return f"params: {workload} needs {lacks[0]}" if lacks else ""
