"""Tracing and metrics: names declared once, sampling decided first."""
