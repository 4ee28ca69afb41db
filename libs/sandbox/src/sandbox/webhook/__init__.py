"""A receiver of Standard Webhooks, as docs/webhooks.md asks one to be."""
