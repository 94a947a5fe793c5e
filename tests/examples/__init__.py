"""Tests of the examples: each runs, says what it claims, and runs with PyTorch too."""
