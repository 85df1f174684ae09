"""Types that several records share.

Times are in seconds unless the name says otherwise; latencies are in microseconds.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = 3

Status = Literal["running", "complete", "interrupted", "failed"]

Count = Annotated[int, Field(ge=0, le=2**53)]
"""Counts, whole microseconds, and bytes. A larger number is not exact in every program that reads JSON."""

Amount = Annotated[float, Field(ge=0, le=1e15)]

Above = Annotated[float, Field(gt=0, le=1e9)]

Params = dict[str, Annotated[int, Field(ge=-(2**53), le=2**53)]]

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.json$", max_length=255)]
"""The name of a file in trials/. It cannot be a path to another place."""


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)
