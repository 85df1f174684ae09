"""Starts services and everything around them: as processes of this machine, or in containers."""
