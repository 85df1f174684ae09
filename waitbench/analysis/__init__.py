"""Figures, comparisons and verdicts from the trials of a run."""
