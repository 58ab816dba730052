"""Accepting drift: what is live becomes what is desired. The one way, whoever asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final

import sqlalchemy as sa

from ..common.times import Clock, utc_now
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .canonical import About
from .compare import present, same
from .errors import DriftError
from .spec_fields import canonical_json
from .specs import lock


class AcceptError(DriftError):
    """The drift cannot be accepted; the text says why. Nothing was changed."""


class UnknownDrift(AcceptError):
    """There is no drift record of this number."""


class AlreadyResolved(AcceptError):
    """It was accepted before, or is gone by itself."""


class Moved(AcceptError):
    """The live value is not the one that was shown: look again."""


class _Shown(Enum):
    RECORD = "the value in the record"


SHOWN: Final = _Shown.RECORD


@dataclass(frozen=True)
class Accepted:
    """Result of accepting one record."""

    id: int
    resource_id: int
    field: str
    before: Any
    """The value desired until now."""
    after: Any
    """The live value, desired from now on."""
    spec_version: int
    accepted_at: datetime
    accepted_by: str
    successor_id: int | None
    """The resource that took over the spec, when this one was destroyed and recreated."""


_SQL = Statements(__file__)


def accept(
    warehouse: Warehouse,
    drift_id: int,
    *,
    actor: str,
    reason: str | None = None,
    expected_actual: Any = SHOWN,
    now: Clock = utc_now,
) -> Accepted:
    """Make the live value of an open record the desired one, and close the record.

    Accepting that a resource is gone desires just that; was it recreated, the new one takes over
    the spec, if it has none.

    Args:
        warehouse: where.
        drift_id: `cloud_drift.id`.
        actor: who decides.
        reason: why, in their words.
        expected_actual: the live value that they saw; the record's own when not given.
        now: the clock.

    Raises:
        UnknownDrift: there is no such record.
        AlreadyResolved: it is not open any more.
        Moved: the live value is another than the one seen.
        AcceptError: nobody is named.
    """
    if not actor.strip():
        raise AcceptError("The actor is empty: give the name of the person who accepts.")
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        lock(connection)
        row = _read_open(connection, drift_id)
        live = present(row.field, row.desired, row.live)
        _refuse_moved(row, live, row.actual if expected_actual is SHOWN else expected_actual)
        if row.spec_version is None:
            raise AlreadyResolved(
                f"{row.name} has no spec any more, so the next detection run closes drift "
                f"{drift_id}: wait for it."
            )
        at = now()
        decision = {"id": drift_id, "actor": actor, "reason": reason, "at": at}
        desired = None if live is None else canonical_json(live)
        version: int = _SQL.run(connection, "accept", decision | {"live": desired}).scalar_one()
        if row.successor_id is not None:
            _SQL.run(connection, "hand_over", decision)
    return Accepted(
        id=drift_id,
        resource_id=row.resource_id,
        field=row.field,
        before=row.desired,
        after=live,
        spec_version=version,
        accepted_at=at,
        accepted_by=actor,
        successor_id=row.successor_id,
    )


def _refuse_moved(row: sa.Row[Any], live: Any, expected: Any) -> None:
    # Nobody decides on a value that they did not see.
    if not same(row.field, expected, live, About(row.kind)):
        raise Moved(
            f"{row.field} of {row.name} is {canonical_json(live)} now, and was "
            f"{canonical_json(expected)} when it was shown: look at it again, and accept the "
            "new value or wait for the next detection run."
        )


def _read_open(connection: sa.Connection, drift_id: int) -> sa.Row[Any]:
    # A number beyond PostgreSQL's is no record's either.
    known = 0 < drift_id < 2**63
    row = _SQL.run(connection, "read", {"id": drift_id if known else 0}).one_or_none()
    if row is None:
        raise UnknownDrift(f"There is no drift record {drift_id}: see `arcadia drift list`.")
    if row.status != "open":
        raise AlreadyResolved(
            f"Drift {drift_id} ({row.field} of {row.name}) was {row.status} already, by "
            f"{row.resolved_by} at {row.resolved_at:%Y-%m-%d %H:%M} UTC: see `arcadia drift "
            "list` for what is open."
        )
    return row
