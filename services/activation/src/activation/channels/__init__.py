"""Providers' wire formats, one folder each: deliveries into requests, answers into outcomes."""
