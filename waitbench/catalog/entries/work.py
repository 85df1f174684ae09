"""The workloads that use the processor and wait for nothing."""

from functools import lru_cache

from waitbench.catalog.parameters import NO_YES, Parameter
from waitbench.catalog.proofs import Effort, FullWork, OverlappingWork
from waitbench.catalog.workload import Workload


def _last_step(ksteps: int) -> int:
    """The result of `ksteps` thousand steps of x -> (a x + c) mod m from x = 1, computed by doubling the step."""
    a, c, m = 1_103_515_245, 12_345, 2**31
    times, plus, left = 1, 0, ksteps * 1000
    while left:
        if left % 2:
            times, plus = a * times % m, (a * plus + c) % m
        a, c = a * a % m, (a * c + c) % m
        left //= 2
    return (times + plus) % m


@lru_cache(64)
def _product_sum(n: int) -> int:
    """The sum of all entries of A B, for A[i, k] = (i + k) mod 7 and B[k, j] = (k j) mod 5.

    Each column sum of A is multiplied by the row sum of B, so the matrix product is not computed.
    """
    return sum(sum((i + k) % 7 for i in range(n)) * sum(k * j % 5 for j in range(n)) for k in range(n))


CPU = Workload(
    "cpu",
    "Work in pure Python",
    "that no concurrency model helps if nothing waits, because the GIL lets only one thread work at a time; "
    "with inline = 1 the event loop itself works; it shows nothing about several processes",
    parameters={"ksteps": Parameter(1, 10_000), "inline": NO_YES},
    sample={"ksteps": 20},
    response=lambda params: {"workload": "cpu", "ksteps": params["ksteps"], "result": _last_step(params["ksteps"])},
    # The last effort is as much as the contract allows: a compiled step takes two nanoseconds, and a request may
    # cost as much as 500,000 of them. For interpreted code an eighth of it is enough.
    proofs=(FullWork((Effort({"ksteps": 150}, {"ksteps": 1200}), Effort({"ksteps": 1250}, {"ksteps": 10_000}))),),
    overlap=OverlappingWork({"ksteps": 4000}, holds_gil=True),
)

CPU_NATIVE = Workload(
    "cpu_native",
    "Work in native code that releases the GIL",
    "what threads gain if the GIL is released, on the cores that the service has (by default one, which is "
    "then the limit), and how inline = 1 delays the event loop",
    parameters={"n": Parameter(1, 1000), "inline": NO_YES},
    sample={"n": 100},
    response=lambda params: {"workload": "cpu_native", "n": params["n"], "sum": _product_sum(params["n"])},
    proofs=(FullWork((Effort({"n": 400}, {"n": 800}, calls=4),)),),
    overlap=OverlappingWork({"n": 1000}, holds_gil=False),
)

WORK = (
    CPU,
    CPU_NATIVE,
)
