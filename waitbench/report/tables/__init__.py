"""One module for each table of a report, and for each CSV file."""
