"""Every sentence and verdict of a report."""
