"""What a rule says of a trial."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Reason:
    """`invalid`: the number does not count. `note`: it does, and the reader should know."""

    code: str
    weight: Literal["invalid", "note"]
    text: str
    advice: str = ""
