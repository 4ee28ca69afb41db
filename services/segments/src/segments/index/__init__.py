"""The index: tag values, features and the universe of every tenant in memory, ready to be asked."""
