"""What exists: the variants and the workloads."""
