"""Columns that change: new versions beside those that are read, merged in the background, kept in mapped files."""
