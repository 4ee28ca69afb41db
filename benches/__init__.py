"""Measurements against peers: both on the same data, in the same run, interleaved, with equal answers."""
