"""What a reader has written, as TOML."""

import tomllib
from pathlib import Path
from typing import Any

from waitbench.errors import UsageError
from waitbench.records.bounded_read import MIB, Unreadable, read_bounded

TOML_MAX = MIB
"""Bytes: the longest plan that comes along, with its claims, has less than a thirtieth of it."""


def read_toml(path: Path) -> dict[str, Any]:
    """Raises UsageError that names the file. A byte order mark, which some editors write, is passed over."""
    try:
        return tomllib.loads(read_bounded(path, TOML_MAX).decode("utf-8-sig").replace("\r\n", "\n"))
    except Unreadable as error:
        raise UsageError(f"{path}: cannot be read: {error}") from None
    except RecursionError:
        raise UsageError(f"{path}: not valid TOML: too many brackets within each other") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not valid TOML: {error}") from None
    except ValueError:
        raise UsageError(f"{path}: not valid TOML: an integer of thousands of digits") from None
