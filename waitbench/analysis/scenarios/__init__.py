"""Figures of mixed loads, bursts and concurrent remote calls."""
