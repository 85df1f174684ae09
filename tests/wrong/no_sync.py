"""Wrong on purpose: a file that is not forced to the disk, so that it is read back from memory."""

import os

os.fsync = lambda descriptor: None

from flask_app.sync_app import application  # noqa: E402, F401
