"""Tests of the documentation: its blocks run, its lists are complete."""
