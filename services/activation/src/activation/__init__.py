"""Turns an audience into deliveries, each at most once."""
