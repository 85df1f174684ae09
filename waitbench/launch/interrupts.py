"""Decides what a signal that ends a command does: end the process at once, raise Interrupted, or wait.

A signal may arrive at any time. Before there is anything to clean up, it ends the process at once. Afterwards it raises
Interrupted once, and later signals change nothing: they would interrupt the cleanup. Within `deferred` it waits.

Python drops an exception that is raised in a destructor or in a callback of a fork. Then Interrupted is raised again.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from waitbench.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
AGAIN_S = 0.01
"""How long after Python has dropped Interrupted it is raised again."""


class _Waiting:
    armed = False
    """Whether waitbench handles the signals. A test or another program that calls a command keeps its own handlers."""
    depth = 0
    """How many `deferred` blocks are open."""
    number: int | None = None
    """The signal that waits for the end of these blocks."""
    raised = signal.SIGINT.value
    """The signal for which Interrupted was raised."""


def leave_at_once() -> None:
    """Let a signal end the command with one line and exit code 130, as long as it has started nothing."""
    _Waiting.armed = True
    _handle(_leave)


def raise_interrupted() -> None:
    """Let the first signal raise Interrupted, from when the command has something to clean up."""
    if _Waiting.armed:
        sys.unraisablehook = _dropped
        signal.signal(signal.SIGALRM, _interrupt_again)
        _handle(_interrupt)


def ignore() -> None:
    """Ignore signals at the end of a process. Children do not inherit this, as they would inherit SIG_IGN."""
    _Waiting.armed = False
    signal.setitimer(signal.ITIMER_REAL, 0)
    _handle(_ignore)


@contextmanager
def deferred() -> Iterator[None]:
    """Finish the block first. A signal that arrives meanwhile raises Interrupted at the end of the block."""
    _Waiting.depth += 1
    try:
        yield
    finally:
        _Waiting.depth -= 1
        if not _Waiting.depth and _Waiting.number is not None:
            number, _Waiting.number = _Waiting.number, None
            raise Interrupted(signal.Signals(number).name)


def _handle(handler: "signal._HANDLER") -> None:
    for each in SIGNALS:
        # `nohup` has set SIGHUP to be ignored, and this has to stay so.
        if not (each == signal.SIGHUP and signal.getsignal(each) == signal.SIG_IGN):
            signal.signal(each, handler)


def _leave(_: int, __: FrameType | None) -> None:
    with suppress(OSError):  # nobody reads stderr
        os.write(2, b"waitbench: interrupted\n")
    os._exit(Interrupted.exit_code)


def _interrupt(number: int, _: FrameType | None) -> None:
    ignore()
    _raise_or_wait(number)


def _interrupt_again(_: int, __: FrameType | None) -> None:
    _raise_or_wait(_Waiting.raised)


def _raise_or_wait(number: int) -> None:
    if _Waiting.depth:
        _Waiting.number = number
        return
    _Waiting.raised = number
    raise Interrupted(signal.Signals(number).name)


def _dropped(unraisable: "sys.UnraisableHookArgs") -> None:
    """Python calls this with each exception that it drops."""
    if isinstance(unraisable.exc_value, Interrupted):
        signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
    else:
        sys.__unraisablehook__(unraisable)


def _ignore(_: int, __: FrameType | None) -> None:
    pass
