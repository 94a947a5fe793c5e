"""Random programs run on kilnn and on PyTorch, statement by statement."""
