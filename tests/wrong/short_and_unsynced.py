"""Wrong on purpose, in two ways: waits are cut short, and files are read back from memory."""

from tests.wrong import no_sync  # noqa: F401
from tests.wrong.short_wait import application  # noqa: F401
