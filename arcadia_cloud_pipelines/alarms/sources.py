"""What questions are asked of: the two databases, the settings, the time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ..settings import Settings
from ..warehouse.engine import Warehouse
from .model import Answer


@dataclass(frozen=True)
class Sources:
    """Everything that a question may look at. It changes none of it."""

    warehouse: Warehouse
    dagster: sa.Engine
    """Dagster's own database."""
    settings: Settings
    now: datetime
    """The warehouse's time: one clock for all processes."""


Question = Callable[[Sources], Answer]
"""Raises when it cannot be answered; nothing changes then."""
