"""The files of a run. loadtests/ imports only this package and waitbench.errors."""
