"""The search for the saturation knee."""
