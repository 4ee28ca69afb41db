"""APNs: one HTTP/2 connection, provider tokens signed with ES256, one device a request."""
