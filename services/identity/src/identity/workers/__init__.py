"""Work beside the server."""
