"""The one MetaData that the subjects' tables hang on.

Each subject declares its tables in its own `tables.py`; importing them here makes the whole
schema known to the generated documentation, and to the test that compares it with a migrated
database. Migrations themselves are plain SQL and do not read it.
"""

from __future__ import annotations

from .alarms import tables as alarms
from .allocation import tables as allocation
from .billing import tables as billing
from .digitalocean import tables as digitalocean
from .drift import tables as drift
from .forecast import tables as forecast
from .inventory import tables as inventory
from .tagging import tables as tagging
from .warehouse.edge_rules import cloud_edge_rules
from .warehouse.metadata import metadata

__all__ = ["TABLES", "metadata"]

TABLES = (
    *inventory.TABLES,
    cloud_edge_rules,
    *billing.TABLES,
    *allocation.TABLES,
    *forecast.TABLES,
    *tagging.TABLES,
    *drift.TABLES,
    *digitalocean.TABLES,
    *alarms.TABLES,
)
