"""Measurements: ``python -m benchmarks NAME`` prints ratios and rivals from one run."""
