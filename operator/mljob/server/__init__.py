"""The REST API, a process of its own: it shares the API server and the store with the operator, no more."""
