"""An official account of WeChat: what all its channels share."""
