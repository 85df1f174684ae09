"""The entries of the catalog: every workload, in one module for each group of similar ones."""
