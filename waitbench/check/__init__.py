"""Whether a live service is what it says: contract, timing, overlap, budget. Each finding is a record."""
