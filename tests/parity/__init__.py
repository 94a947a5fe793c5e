"""Whole training runs on kilnn and on PyTorch, with the same weights and data."""
