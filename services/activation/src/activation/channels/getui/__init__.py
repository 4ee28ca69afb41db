"""Getui REST API v2: single pushes by client id, alone or two hundred in a call, each with its own request_id."""
