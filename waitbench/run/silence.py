"""Notices that something gives no sign of life any more."""


class Silence:
    """How long a sign has not changed.

    It counts the turns of the loop that looks, not the time of day: in a suspended machine, and in one so busy that
    the loop itself hardly runs, nobody is silent.
    """

    def __init__(self, turn_s: float, bound_s: float) -> None:
        self._turn_s, self._bound_s = turn_s, bound_s
        self._last: object = None
        self._turns = 0

    def too_long(self, sign: object) -> bool:
        """Look once; whether the sign has been the same for longer than the bound."""
        self._turns = self._turns + 1 if sign == self._last else 0
        self._last = sign
        return self._turns * self._turn_s > self._bound_s
