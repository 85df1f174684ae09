"""Wrong on purpose: within the bounds, takes whatever int() takes, and the last of several values."""

from work import answers, params


def _lenient(given):
    try:
        ms = int(given[-1])
    except (IndexError, ValueError):
        ms = -1
    if not 0 <= ms <= params.MS_MAX:
        raise answers.BadInput(f"ms must be given once, a whole number from 0 to {params.MS_MAX}")
    return ms


params.ms = _lenient

from fastapi_app.app import application  # noqa: E402, F401
