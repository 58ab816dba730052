"""The sources of all questions: the two databases, the settings, the time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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

    @contextmanager
    def asking(self) -> Iterator[sa.Connection]:
        """Open a transaction in Dagster's own database, for questions that take seconds at most."""
        with self.dagster.begin() as connection:
            connection.execute(sa.text("SET LOCAL statement_timeout = '20s'"))
            yield connection


Question = Callable[[Sources], Answer]
"""Raises when it cannot be answered; nothing changes then."""


def stored_json(text: str | None) -> dict[str, Any]:
    """Return an object that Dagster stored as JSON; an empty one where it cannot be read."""
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
