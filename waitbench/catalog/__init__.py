"""Everything that exists: variants, workloads, scenarios, theoretical maximum and percentiles."""
