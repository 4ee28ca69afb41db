"""Servicers, and the way between messages and the domain."""
