"""WeChat template messages of an official account: one person a call, service notices only."""
