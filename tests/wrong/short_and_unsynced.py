"""Wrong on purpose, in two ways at once: a wait cut short, and files that are read back from memory."""

from tests.wrong import no_sync  # noqa: F401
from tests.wrong.short_wait import application  # noqa: F401
