"""What the commands ask of the services. Imported when a command runs, since gRPC takes its time to load."""
