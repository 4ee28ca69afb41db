"""The use cases of InsightService."""
