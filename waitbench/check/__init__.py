"""Checks whether a live service is what it claims to be: contract, timing, overlap, budget."""
