"""The status page, a client of the API."""
