"""The names of the messages between the Locust master and its workers.

The master sends PREPARE, GATHER, BEGIN and STOP. A worker responds with READY to PREPARE, with GATHERED to GATHER, and
with PART to BEGIN when its share of the trial is over. It sends LIVE twice a second.
"""

PREPARE, READY, GATHER, GATHERED, BEGIN, STOP, PART, LIVE = (
    f"waitbench-{word}" for word in ("prepare", "ready", "gather", "gathered", "begin", "stop", "part", "live")
)
