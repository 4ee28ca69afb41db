"""The providers' stand-ins: servers that verify what they get and remember every message they sent."""
