"""Keeps events and tag values, and computes them in stream and batch with one meaning."""
