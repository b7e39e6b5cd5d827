"""The Kubernetes API. The only place that imports the `kubernetes` package (for its configuration)."""
