"""Answers who, how many and why over tag values."""
