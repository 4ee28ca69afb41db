"""JPush REST API v3: the cid pool, push, batch single push, and the callback of its paying customers."""
