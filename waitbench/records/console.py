"""A console that cannot be written to does not end a run.

A terminal may be closed, a pipe may have no reader, and a file may be on a full disk.
"""

import errno
import io
import os
import select
import sys
from typing import Any, TextIO

from waitbench.errors import WaitbenchError

STALLED_S = 5.0
"""How long a write to stderr waits for a reader that does not read. Then the text is dropped."""
_PIECE = select.PIPE_BUF
"""A pipe that is ready for writing takes this much without blocking."""
_GONE = (errno.EPIPE, errno.EIO)
"""The reader, or the terminal, is gone. That is the reader's choice, and no error."""


class _Forgiving(io.FileIO):
    """A stream's file descriptor. A write always succeeds; the first error is kept in `lost`."""

    def __init__(self, number: int, may_stall: bool) -> None:
        super().__init__(number, "w", closefd=False)
        self._may_stall, self._stalled = may_stall, False
        self.lost: OSError | None = None

    def write(self, data: Any) -> int:
        piece = memoryview(data).cast("B")[:_PIECE]
        if self._may_stall and not self._ready():
            return len(piece)
        try:
            return super().write(piece) or 0
        except OSError as error:
            self.lost = self.lost or error
            return len(piece)

    def _ready(self) -> bool:
        """Whether the reader takes something. One that stalled once is not waited for again."""
        waits_s = 0.0 if self._stalled else STALLED_S
        poll = select.poll()  # select() does not take every file descriptor
        poll.register(self.fileno(), select.POLLOUT)
        self._stalled = not poll.poll(int(waits_s * 1000))
        return not self._stalled


def forgive(may_stall: bool = True) -> None:
    """Make stdout and stderr of this process forgiving. Open closed streams, so that no file of ours becomes stderr.

    `may_stall`: whether stderr may lead to a reader that does not read.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is sys.__stdout__ and sys.stdout is not None:
        sys.stdout = _forgiving(sys.stdout, may_stall=False)
    if sys.stderr is sys.__stderr__ and sys.stderr is not None:
        sys.stderr = _forgiving(sys.stderr, may_stall)


def _forgiving(stream: Any, may_stall: bool) -> TextIO:
    try:
        number = stream.fileno()
    except OSError:  # the stream has no file descriptor
        return stream  # type: ignore[no-any-return]
    return io.TextIOWrapper(
        io.BufferedWriter(_Forgiving(number, may_stall)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
    )


def require_written() -> None:
    """Raises WaitbenchError if stdout was not written completely, unless its reader left."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(raw, _Forgiving):
        sys.stdout.flush()
        if raw.lost is not None and raw.lost.errno not in _GONE:
            raise WaitbenchError(f"stdout can't be written to: {raw.lost.strerror}. Send it somewhere else")
