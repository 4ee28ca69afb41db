"""Getui REST API v2: tokens, single pushes alone and by the two hundred, and receipts line by line."""
