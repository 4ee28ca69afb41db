"""APNs over HTTP/2: provider tokens signed with ES256, one device a request, and the screen's collapse ids."""
