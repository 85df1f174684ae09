"""Wrong on purpose: results are cached and not computed again."""

from functools import lru_cache

from work import processor

processor.plain, processor.native = lru_cache(processor.plain), lru_cache(processor.native)

from fastapi_app.async_app import application  # noqa: E402, F401
