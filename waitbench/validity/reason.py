"""A rule's finding about a trial."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Reason:
    """A finding: `invalid` excludes the trial, `note` informs the reader about a trial that is valid."""

    code: str
    weight: Literal["invalid", "note"]
    text: str
    advice: str = ""
