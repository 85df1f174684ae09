"""One module for each output format of a report."""
