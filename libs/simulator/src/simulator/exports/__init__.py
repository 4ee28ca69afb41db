"""The files that each source system exports."""
