"""How old is what the inventory says?"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from ..warehouse.engine import Warehouse
from .tables import cloud_sync_runs


def newest_complete_syncs(warehouse: Warehouse) -> dict[str, datetime]:
    """For each kind, when its newest complete listing began; kinds without one are missing."""
    warehouse.check_migrated()
    runs = cloud_sync_runs.c
    query = (
        sa.select(runs.kind, sa.func.max(runs.started_at)).where(runs.complete).group_by(runs.kind)
    )
    with warehouse.transaction() as connection:
        return dict(connection.execute(query).tuples().all())
