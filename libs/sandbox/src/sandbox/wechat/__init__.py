"""WeChat official accounts: stable_token, template/send, TEMPLATESENDJOBFINISH and unsubscribe events."""
