"""Plans: what is requested, checked whole before anything starts."""
