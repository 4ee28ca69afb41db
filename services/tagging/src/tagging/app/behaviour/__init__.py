"""Behaviour of sets of persons: what tagging works out over events for those who may not read them."""
