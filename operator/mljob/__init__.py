"""MlJob: Python functions and containers as Kubernetes Jobs, capped per job name, mirrored into SQL."""

__version__ = "0.1.0"
