"""Wrong on purpose: has one database connection fewer than declared, and reports the declared number."""

import psycopg_pool


class _Small(psycopg_pool.ConnectionPool):
    def __init__(self, *args, min_size, max_size, **options):
        super().__init__(*args, min_size=min_size - 1, max_size=max_size - 1, **options)

    @property
    def max_size(self):
        return super().max_size + 1


psycopg_pool.ConnectionPool = _Small

from flask_app.sync_app import application  # noqa: E402, F401
