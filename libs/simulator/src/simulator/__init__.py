"""People, events and responses with known truth."""
