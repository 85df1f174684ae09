"""What a reader has written, as TOML."""

import tomllib
from pathlib import Path
from typing import Any

from waitbench.errors import UsageError


def read_toml(path: Path) -> dict[str, Any]:
    """Raises UsageError that names the file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not valid TOML: {error}") from None
    except OSError as error:
        raise UsageError(f"{path}: can't be read: {error.strerror}") from None
