"""The workloads whose content is bytes of the pattern: files on a disk, and slow clients."""

import hashlib
from functools import lru_cache

from waitbench.catalog.parameters import KIB_PER_S, NO_YES, Parameter, Params
from waitbench.catalog.proofs import OverlappingClients, OverlappingFiles, RealDisk, RefusedLengths
from waitbench.catalog.workload import Workload
from waitbench.records.payload import pattern

SEVERAL_PIECES = {"kib": 200}
"""More than one piece of 64 KiB, and not a multiple of 64 KiB."""
LARGEST_KIB = 65_536


@lru_cache(64)
def _sha256(kib: int) -> str:
    return hashlib.sha256(pattern(kib * 1024)).hexdigest()


def _size(params: Params) -> int:
    return params["kib"] * 1024


def _paced_s(params: Params) -> float:
    return params["kib"] / params["kib_per_s"] if params["kib_per_s"] else 0.0


DISK = Workload(
    "disk",
    "A file written, synced and read back",
    "waiting for a real disk, which every model does in threads because a file has no readiness event; with "
    "inline = 1 the event loop itself waits; another disk would change every figure",
    parameters={"kib": Parameter(1, 4096), "inline": NO_YES},
    sample=SEVERAL_PIECES,
    response=lambda params: {"workload": "disk", "kib": params["kib"], "sha256": _sha256(params["kib"])},
    proofs=(RealDisk({"kib": 256}, _size),),
    overlap=OverlappingFiles({"kib": 4096}),
)

UPLOAD = Workload(
    "upload",
    "A client that sends slowly",
    "which stacks use a thread for a slow sender; at the theoretical maximum the client's pace sets the "
    "throughput and nothing is ranked",
    parameters={"kib": Parameter(0, LARGEST_KIB, client=True), "kib_per_s": KIB_PER_S},
    sample=SEVERAL_PIECES,
    response=lambda params: {"workload": "upload", "bytes": _size(params), "sha256": _sha256(params["kib"])},
    proofs=(RefusedLengths(LARGEST_KIB * 1024),),
    overlap=OverlappingClients(),
    least_s=_paced_s,
    sends=_size,
)

DOWNLOAD = Workload(
    "download",
    "A client that reads slowly",
    "which stacks use a thread for a slow reader, once the kernel's buffers (some MiB) are full; at the "
    "theoretical maximum the client's pace sets the throughput and nothing is ranked",
    parameters={"kib": Parameter(0, LARGEST_KIB), "kib_per_s": KIB_PER_S},
    sample=SEVERAL_PIECES,
    response=None,
    overlap=OverlappingClients(),
    least_s=_paced_s,
    receives=_size,
)

BODIES = (
    DISK,
    UPLOAD,
    DOWNLOAD,
)
