"""Faults of a file on one line: the field, what is wrong, and the value found."""

import reprlib

from pydantic import ValidationError

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60
_SHORT.maxdict = _SHORT.maxlist = 3
_SHORT.maxlevel = 2


def shown(value: object) -> str:
    """Return a value for a message. A long one is shortened to its two ends."""
    try:
        return _SHORT.repr(value)
    except ValueError:  # Python refuses to print an integer of more than 4,300 digits
        return "an integer of thousands of digits"


def first_fault(error: ValidationError) -> str:
    """Return the first wrong field, what is wrong with it, and its value if that is short."""
    fault = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "value_error":
        return ".".join(filter(None, [where, str(fault["ctx"]["error"])]))
    message = fault["msg"][:1].lower() + fault["msg"][1:]
    given = fault["input"]
    value = f", not {shown(given)}" if given is None or isinstance(given, str | int | float) else ""
    return ": ".join(filter(None, [where, message + value]))
