"""The ways a command ends other than well. A message says what failed, what the other side said, what to do."""

import errno

INVALID = 3
"""The exit code of a run with trials that do not count, and of a report with damaged ones."""


class WaitbenchError(Exception):
    """Something outside went wrong, and the message is advice. Anything else that escapes is a bug."""

    exit_code = 1


class UsageError(WaitbenchError):
    """What was asked for cannot be done as asked; nothing was started."""

    exit_code = 2


class Unwritable(WaitbenchError):
    """A file, or a folder, can't be written to: `because` takes its path."""

    @classmethod
    def because(cls, what: object, error: OSError) -> "Unwritable":
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = "Free some space there" if full else "Mend its permissions"
        return cls(f"{what} can't be written to: {error.strerror}. {advice}, or choose another folder with --out")


class Interrupted(BaseException):
    """Ctrl-C or a request to end: what was measured is kept. Not an Exception, so that no cleanup swallows it."""

    exit_code = 130
