"""The providers' stand-ins."""
