"""Reads TOML files that users write."""

import tomllib
from pathlib import Path
from typing import Any

from waitbench.errors import UsageError
from waitbench.records.bounded_read import MIB, Unreadable, read_bounded

TOML_MAX = MIB
"""Bytes. The longest bundled plan, with its claims, has less than a thirtieth of this."""


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file. Skips a byte order mark, which some editors write. Raises UsageError with the file's path."""
    try:
        return tomllib.loads(read_bounded(path, TOML_MAX).decode("utf-8-sig").replace("\r\n", "\n"))
    except Unreadable as error:
        raise UsageError(f"{path}: cannot be read: {error}") from None
    except RecursionError:
        raise UsageError(f"{path}: not valid TOML: too many nested brackets") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not valid TOML: {error}") from None
    except ValueError:
        raise UsageError(f"{path}: not valid TOML: an integer of thousands of digits") from None
