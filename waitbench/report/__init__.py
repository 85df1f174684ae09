"""Reports: one comparison in, files out."""
