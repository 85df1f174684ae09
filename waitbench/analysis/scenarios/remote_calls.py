"""The gain from concurrent remote calls within a request, compared with calls one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass

from waitbench.analysis.cells import Cell, latency_ratio
from waitbench.analysis.points import Section
from waitbench.analysis.statistics import Interval


@dataclass(frozen=True)
class ContenderGain:
    """One contender under one load, with serial and with concurrent calls."""

    serial: Cell
    concurrent: Cell

    @property
    def ratio(self) -> Interval | None:
        """The median latency with concurrent calls over that with serial calls, paired by repeat.

        None if either cell is invalid.
        """
        return latency_ratio(self.concurrent, self.serial, "p50")


@dataclass(frozen=True)
class RemoteCallGain:
    """The same remote calls, serial and concurrent, at the highest load that both have."""

    concurrent: Section
    contenders: list[ContenderGain]

    @property
    def load_words(self) -> str:
        return self.contenders[0].serial.spec.point.load_words


def remote_call_gains(sections: Sequence[Section]) -> list[RemoteCallGain]:
    """One comparison for each concurrent section with a serial section that is otherwise the same."""
    rows = [section for section in sections if _serial(section)]
    once = [section for section in sections if "serial" in section.workload.parameters and not _serial(section)]
    pairs = [(serial, each) for each in once for serial in rows if _calls(serial) == _calls(each)]
    return [found for serial, each in pairs if (found := _remote_call_gain(serial, each))]


def _remote_call_gain(serial: Section, concurrent: Section) -> RemoteCallGain | None:
    shared = {point.load for point in serial.points} & {point.load for point in concurrent.points}
    if not shared:
        return None
    in_row, together = (
        {cell.variant: cell for point in section.points if point.load == max(shared) for cell in point.cells}
        for section in (serial, concurrent)
    )
    found = [ContenderGain(in_row[name], together[name]) for name in together if name in in_row]
    return RemoteCallGain(concurrent, found) if found else None


def _serial(section: Section) -> bool:
    return section.workload.complete(section.params).get("serial") == 1


def _calls(section: Section) -> tuple[dict[str, int], bool]:
    """The parameters without `serial`, and the load model; they are the same for two sections that belong together."""
    return {**section.workload.complete(section.params), "serial": 0}, section.top.open
