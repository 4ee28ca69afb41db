"""A receiver of one's own, called over HTTPS and signed as Standard Webhooks: one message a call."""
