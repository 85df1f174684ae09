"""Locust patches the standard library as it is imported: here it may not, since the other tests share this process."""

import os

os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"
