"""WeChat mass messages: one message for two to ten thousand followers, kept apart by clientmsgid for a day."""
