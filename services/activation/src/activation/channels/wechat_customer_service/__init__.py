"""WeChat customer-service messages: a few answers to a person who turned to the account, for at most 48 hours."""
