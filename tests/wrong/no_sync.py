"""Wrong on purpose: a file is not synced to the disk, so it is read back from memory."""

import os

os.fsync = lambda descriptor: None

from flask_app.sync_app import application  # noqa: E402, F401
