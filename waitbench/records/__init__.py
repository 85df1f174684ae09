"""The files of a run. Loadtests imports nothing else of waitbench, except its errors."""
