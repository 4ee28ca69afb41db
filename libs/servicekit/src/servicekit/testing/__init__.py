"""Fixtures for the suite's tests: real databases and real in-process servers."""
