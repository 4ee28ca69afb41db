"""WeChat subscription notices: one person a call, each uses up a permission that the person gave for its template."""
