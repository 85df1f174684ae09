"""The effects of framework and concurrency model."""
