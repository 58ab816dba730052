"""The inbox: drift, coverage and unmanaged resources, read for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from ..common.severity import Severity
from ..kinds import GONE
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .accept import UnknownDrift
from .compare import present
from .words import field_text, value_text


@dataclass(frozen=True)
class DriftRecord:
    """One field that differs, or differed."""

    id: int
    resource_id: int
    kind: str
    provider_id: str
    name: str | None
    field: str
    desired: Any
    actual: Any
    severity: str | None
    """How bad it is; None for what was closed before anybody judged."""
    status: str
    detected_at: datetime
    changed_at: datetime
    resolved_at: datetime | None
    resolved_by: str | None
    resolution: str | None
    successor: str | None
    """The provider's id of what was made in place of a resource that is gone."""
    live: Any = None
    """What the resource has at this moment."""

    @property
    def shown(self) -> tuple[str, str, str]:
        """Return field, desired and actual as people read them."""
        return shown(self.field, self.desired, self.actual, self.successor)

    @property
    def says(self) -> str:
        """Return the difference in a few words."""
        return says(self.field, self.desired, self.actual, self.successor)


def shown(field: str, desired: Any, actual: Any, successor: str | None) -> tuple[str, str, str]:
    """Return field, desired and actual as people read them."""
    live = value_text(field, actual)
    if field == GONE and successor:
        live += f", recreated as {successor}"
    return field_text(field), value_text(field, desired), live


def says(field: str, desired: Any, actual: Any, successor: str | None) -> str:
    """Return a difference in a few words: `a → b`."""
    _, wanted, live = shown(field, desired, actual, successor)
    return live if field == GONE and desired is None else f"{wanted} → {live}"


@dataclass(frozen=True)
class Coverage:
    """The part of a kind that has specs."""

    kind: str
    resources: int
    managed: int
    share: Decimal | None
    """0 to 1; None when nothing is to be managed."""


_SQL = Statements(__file__)


def list_drift(
    warehouse: Warehouse,
    *,
    status: str | None = "open",
    kind: str | None = None,
    severity: Severity | None = None,
    limit: int | None = 1000,
) -> Sequence[DriftRecord]:
    """Drift records, oldest first.

    Args:
        warehouse: where.
        status: only these; all when None.
        kind: only these; all when None.
        severity: only as bad as this; all when None.
        limit: at most so many; all when None.
    """
    warehouse.check_migrated()
    parameters = {
        "status": status, "kind": kind, "severity": severity, "limit": limit, "id": None,
    }  # fmt: skip
    with warehouse.transaction() as connection:
        return [_record(row) for row in _SQL.run(connection, "drift", parameters)]


def get_drift(warehouse: Warehouse, drift_id: int) -> tuple[DriftRecord, Sequence[dict[str, Any]]]:
    """One record, and what was decided on it.

    Raises:
        UnknownDrift: there is no such record.
    """
    warehouse.check_migrated()
    parameters = {"status": None, "kind": None, "severity": None, "limit": 1, "id": drift_id}
    with warehouse.transaction() as connection:
        rows = _SQL.run(connection, "drift", parameters).all() if 0 < drift_id < 2**63 else []
        if not rows:
            raise UnknownDrift(f"There is no drift record {drift_id}: see `arcadia drift list`.")
        decisions = _SQL.run(connection, "decisions", {"id": drift_id}).mappings().all()
    return _record(rows[0]), [dict(row) for row in decisions]


def _record(row: Any) -> DriftRecord:
    values = row._asdict()
    return DriftRecord(**values | {"live": present(row.field, row.desired, row.live)})


def coverage(warehouse: Warehouse) -> Sequence[Coverage]:
    """The managed share of each kind, the least managed first."""
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        return [Coverage(*row) for row in _SQL.run(connection, "coverage").tuples()]


@dataclass(frozen=True)
class NewestSweep:
    """The newest sweep, for checks."""

    started_at: datetime
    kinds_swept: Sequence[str]
    kinds_skipped: dict[str, str]


def newest_sweep(warehouse: Warehouse) -> NewestSweep | None:
    """The newest sweep; None before the first."""
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        row = _SQL.run(connection, "newest_sweep").one_or_none()
    return None if row is None else NewestSweep(*row)
