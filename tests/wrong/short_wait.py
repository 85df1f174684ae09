"""Wrong on purpose: waits half as long as asked."""

from work import blocking

_wait = blocking.wait
blocking.wait = lambda ms: _wait(ms // 2)

from flask_app.sync_app import application  # noqa: E402, F401
