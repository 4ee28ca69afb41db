"""WeChat official accounts: stable_token; template, subscription, customer-service and mass messages; events."""
