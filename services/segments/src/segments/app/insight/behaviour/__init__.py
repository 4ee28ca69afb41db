"""What audiences do one after the other."""
