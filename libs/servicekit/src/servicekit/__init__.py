"""What every service would otherwise copy, and nothing of the domain."""
