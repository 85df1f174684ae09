"""Reports: the files that are made from a comparison."""
