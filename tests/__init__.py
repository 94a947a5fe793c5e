"""Tests of kilnn. PyTorch is the outside oracle: only tests, benchmarks and docs import it."""
