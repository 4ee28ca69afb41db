"""JPush REST API v3: one text to a thousand devices, or each its own text for paying customers."""
