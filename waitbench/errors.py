"""Errors that end a command. A message says what failed, what the other side reported, and what to do."""

import errno

INVALID = 3
"""The exit code of a run with invalid trials, and of a report with damaged trials."""


class WaitbenchError(Exception):
    """An error outside waitbench, whose message is advice. Any other exception that ends a command is a bug."""

    exit_code = 1


class UsageError(WaitbenchError):
    """The request cannot be carried out as given; nothing was started."""

    exit_code = 2


class Unwritable(WaitbenchError):
    """A file or folder can't be written to. `because` makes the error from its path."""

    @classmethod
    def because(cls, what: object, error: OSError) -> "Unwritable":
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = "Free some space there" if full else "Fix its permissions"
        return cls(f"{what} can't be written to: {error.strerror}. {advice}, or choose another folder with --out")


class Interrupted(BaseException):
    """Ctrl-C or another signal to end; what was measured is kept. Not an Exception, so that no cleanup swallows it."""

    exit_code = 130
