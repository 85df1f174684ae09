"""Notices that a process no longer reports its status."""


class Heartbeat:
    """Measures for how long a status has not changed.

    It counts the turns of the loop that looks, not the time. So nothing counts as silent while the machine is suspended
    or so busy that the loop itself hardly runs.
    """

    def __init__(self, turn_s: float, bound_s: float) -> None:
        self._turn_s, self._bound_s = turn_s, bound_s
        self._last: object = None
        self._turns = 0

    def lost(self, sign: object) -> bool:
        """Look once. Returns whether `sign` has been the same for longer than the bound."""
        self._turns = self._turns + 1 if sign == self._last else 0
        self._last = sign
        return self._turns * self._turn_s > self._bound_s
