"""The errors of drift that people read."""

from __future__ import annotations


class DriftError(Exception):
    """Something asked of drift cannot be done; the text names it and what to do instead."""


class SpecError(DriftError):
    """A spec cannot be recorded; the text names the resource and what to do."""
