"""Programs as PyTorch users write them, each run with PyTorch and, with nothing changed but the name, with kilnn."""
