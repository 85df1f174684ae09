"""When an endpoint is slow, which Python web stack waits best, and what does it cost?"""

__version__ = "0.1.0"
