"""The model of a workload: what a request makes a service do, its correct response, and its shortest time."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from waitbench.catalog.parameters import Parameter, Params
from waitbench.catalog.proofs import OverlapProof, RealDisk, ServiceProof
from waitbench.catalog.variants import Budget
from waitbench.records.spec import Exchange

Dependency = Literal["database", "remote API"]
"""A program next to the services that some workloads call."""


# More than 12 fields: all that the harness knows about a workload is here, so that nothing else asks for its name.
@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    shows: str
    """In one sentence, what this workload can and cannot prove."""
    parameters: Mapping[str, Parameter]
    sample: Params
    """Parameters of a small request, for the contract and for examples."""
    response: Callable[[Params], dict[str, Any]] | None
    """The correct response as JSON; None if the response is bytes of the pattern."""
    proofs: tuple[ServiceProof, ...] = ()
    overlap: OverlapProof | None = None
    """The proof about concurrent calls; None if they prove nothing."""
    needs: frozenset[Dependency] = frozenset()
    slots: Callable[[Params, Budget], dict[str, float]] = field(default=lambda _params, _budget: {})
    """How many requests of one worker may wait at the same time, by the key of the budget that limits them."""
    least_s: Callable[[Params], float] = field(default=lambda params: params.get("ms", 0) / 1000)
    """The shortest time of a correct response, in seconds."""
    sends: Callable[[Params], int] | None = None
    """The size of the request's body in bytes; None if it has no body."""
    receives: Callable[[Params], int] | None = None
    """The size of the response in bytes, if it is bytes of the pattern."""

    @property
    def method(self) -> Literal["GET", "POST"]:
        return "POST" if self.sends else "GET"

    def path(self, params: Params) -> str:
        query = "&".join(f"{name}={value}" for name, value in params.items() if not self.parameters[name].client)
        return f"/{self.name}" + (f"?{query}" if query else "")

    def body(self, params: Params) -> str:
        """The correct response of a workload that responds with JSON."""
        assert self.response is not None
        return json.dumps(self.response(self.complete(params)), separators=(",", ":"), ensure_ascii=False)

    def exchange(self, params: Params) -> Exchange:
        full = self.complete(params)
        return Exchange(
            method=self.method,
            path=self.path(params),
            body=self.body(params) if self.response else None,
            sends=self.sends(full) if self.sends else 0,
            receives=self.receives(full) if self.receives else None,
            bytes_per_s=full.get("kib_per_s", 0) * 1024,
            least_s=self.wait_s(params),
        )

    def complete(self, params: Params) -> dict[str, int]:
        """The parameters with their defaults filled in."""
        defaults = {name: p.default for name, p in self.parameters.items() if p.default is not None}
        return {**defaults, **params}

    def wait_s(self, params: Params) -> float:
        """The shortest time of a correct response, in seconds."""
        return self.least_s(self.complete(params))

    @property
    def uses_disk(self) -> bool:
        return any(isinstance(proof, RealDisk) for proof in self.proofs)

    def disk_bytes(self, params: Params) -> int:
        """The bytes that a correct response needs from a disk."""
        return sum(proof.size(self.complete(params)) for proof in self.proofs if isinstance(proof, RealDisk))
