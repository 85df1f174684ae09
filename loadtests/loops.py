"""The loop that a trial asks for."""

from loadtests.closed_loop import ClosedLoop
from loadtests.load_loop import LoadLoop
from loadtests.open_loop import OpenLoop
from loadtests.share import Share
from waitbench.records.spec import TrialSpec


def new_loop(spec: TrialSpec, share: Share = Share()) -> LoadLoop:  # noqa: B008 - frozen
    """Raises OSError if the service's name has no address."""
    return ClosedLoop(spec, share) if spec.load_model == "closed" else OpenLoop(spec, share)
