"""From the trials of a run to figures, comparisons and verdicts."""
