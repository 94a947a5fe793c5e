"""Tests of the recording engine: programs, memory, errors, threads, interruption."""
