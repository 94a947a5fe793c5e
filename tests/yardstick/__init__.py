"""The 600 names that public code uses most, and recipes that call them. See tests/test_yardstick.py."""
