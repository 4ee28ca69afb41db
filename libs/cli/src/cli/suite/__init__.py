"""The suite on this machine: its folder, its secrets, its processes."""
