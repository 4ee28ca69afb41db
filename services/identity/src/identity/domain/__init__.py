"""What identity knows, as functions of their arguments: no input or output, no clock, no randomness."""
