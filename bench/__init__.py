"""Benchmarks; each is started with `python -m bench.NAME`."""
