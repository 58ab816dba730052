"""What can go wrong when the deployment is run."""

from __future__ import annotations


class OperationsError(Exception):
    """Something about running the deployment; the text says what and what to do."""
