"""Errors of the warehouse, as people read them."""

from __future__ import annotations


class WarehouseError(Exception):
    """The warehouse cannot be used; the text names it and what to do."""


class WarehouseUnreachable(WarehouseError):
    """No connection, or the connection was lost."""


class WarehouseRefused(WarehouseError):
    """The server answered, and will not have what was to be written."""


class WarehouseNotMigrated(WarehouseError):
    """The schema is not the one this code was written for."""
