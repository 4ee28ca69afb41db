"""Finds out who is one person, and keeps the evidence."""
