"""Sizing: how many processes, threads, connections and bytes a service needs for a rate and a p99."""
