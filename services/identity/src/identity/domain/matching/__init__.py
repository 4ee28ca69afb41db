"""Finding the same person behind differing writings: pure parts of probabilistic matching."""
