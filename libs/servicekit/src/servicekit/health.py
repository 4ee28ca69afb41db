"""What a server's health rpc is asked for, besides the server itself."""

CONSUMERS = "consumers"
"""The health service that is SERVING while all of a server's consumers follow; one without any always is."""
