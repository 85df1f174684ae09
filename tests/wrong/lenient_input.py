"""Wrong on purpose: within the bounds, accepts everything that int() accepts, and the last of several values."""

from work import params, responses


def _lenient(name, given, low, high):
    try:
        value = int(given[-1])
    except (IndexError, ValueError):
        value = low - 1
    if not low <= value <= high:
        raise responses.BadInput(f"{name} must be given once, a whole number from {low} to {high}")
    return value


params.whole = _lenient

from fastapi_app.async_app import application  # noqa: E402, F401
