"""Errors of running the deployment."""

from __future__ import annotations


class OperationsError(Exception):
    """Something about running the deployment; the text says what and what to do."""
