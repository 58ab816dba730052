"""Desired specifications: recording them, adopting what is live, looking at them.

One row of `cloud_provisioned` for each resource, every version of it in
`cloud_provisioned_history`. Which fields a spec may have stands in
`spec_fields.py`; nothing here compares, see `compare.py` and `sweep.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from ..common.times import Clock, utc_now
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .errors import SpecError
from .resource_refs import ResourceRef, find_resource
from .spec_fields import (
    Spec,
    canonical_json,
    checked_spec,
    held_spec,
    holds,
    refuse_unheld,
    without_secrets,
)

Mode = Literal["merge", "replace"]

MANUAL = "manual"


@dataclass(frozen=True)
class RecordedSpec:
    """Result of recording one spec."""

    resource_id: int
    spec: dict[str, Any]
    spec_version: int
    changed: bool
    left_out: tuple[str, ...] = ()
    """Fields that were not stored, because they hold credentials or nothing that the inventory
    could be compared with."""


@dataclass(frozen=True)
class SpecView:
    """One spec beside what is live."""

    resource_id: int
    kind: str
    provider_id: str
    name: str | None
    spec: dict[str, Any]
    live: dict[str, Any]
    """What the resource has for each field of the spec; None for nothing."""
    terraform_fields: list[str]
    """Those that Terraform says."""
    spec_version: int
    provisioned_by: str
    reason: str | None
    source: str
    created_at: datetime
    updated_at: datetime
    history: tuple[dict[str, Any], ...]
    """Its versions, newest first: spec_version, source, actor, reason, recorded_at."""


_SQL = Statements(__file__)


def record_provisioned(
    warehouse: Warehouse,
    resource: ResourceRef | int,
    spec: Spec,
    *,
    actor: str,
    reason: str | None = None,
    mode: Mode = "merge",
    unset: Collection[str] = (),
    source: str = MANUAL,
    now: Clock = utc_now,
) -> RecordedSpec:
    """Record what a resource was meant to be.

    Recording the same again changes nothing and writes nothing. Fields that hold credentials, by
    name or by value, are left out and named in the answer; so is what lies inside a field and is
    not held by the inventory.

    Args:
        warehouse: where.
        resource: its row's id in `cloud_resources`, or kind and id or name.
        spec: desired values by field, as the resource's columns and attrs name them; None desires
            nothing.
        actor: who says so.
        reason: why, in their words.
        mode: `merge` keeps the fields that `spec` does not name, `replace` drops them.
        unset: fields to drop when merging.
        source: what it comes from.
        now: the clock.

    Raises:
        SpecError: the spec is no JSON object, names a field that the inventory does not hold, or
            nobody is named.
        ResourceNotFound: there is no such resource, or more than one.
    """
    kept, left_out = without_secrets(checked_spec(spec))
    if not actor.strip():
        raise SpecError("The actor is empty: give the name of the person who records the spec.")
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        lock(connection)
        resource_id = find_resource(connection, resource)
        kind = _SQL.run(connection, "kind", {"resource_id": resource_id}).scalar_one()
        refuse_unheld(kind, kept)
        kept, unheld = held_spec(kind, kept)
        row = {"resource_id": resource_id, "spec": kept, "unset": sorted(unset)}
        changed = write_specs(
            connection, [row], mode=mode, source=source, actor=actor, reason=reason, at=now()
        )
        stored = _SQL.run(connection, "read", {"resource_id": resource_id}).one()
    return RecordedSpec(
        resource_id, stored.spec, stored.spec_version, bool(changed), (*left_out, *unheld)
    )


def write_specs(
    connection: sa.Connection,
    rows: Sequence[Mapping[str, Any]],
    *,
    mode: Mode | Literal["follow"],
    source: str,
    actor: str,
    reason: str | None,
    at: datetime,
) -> int:
    """Upsert many specs in one statement, and return how many changed.

    The caller holds `lock`. Rows have `resource_id`, `spec` (without secrets) and, if they like,
    `unset`. Mode `follow` is for a source that is read again and again: of each spec only what
    that source changed since it was last read is taken over, so a value that somebody accepted
    in between stays.
    """
    parameters = {
        "rows": canonical_json([dict(row) for row in rows]),
        "mode": mode,
        "source": source,
        "actor": actor,
        "reason": reason,
        "at": at,
    }
    changed: int = _SQL.run(connection, "write", parameters).scalar_one()
    return changed


def lock(connection: sa.Connection) -> None:
    """Take turns: specs, decisions and sweeps never see half of one another."""
    _SQL.run(connection, "lock")


def unheld_fields(warehouse: Warehouse) -> Sequence[tuple[str, str, int]]:
    """Return kind, field and number of the specs that the inventory cannot be compared with."""
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        rows = _SQL.run(connection, "fields").all()
    return sorted((kind, field, n) for kind, field, n in rows if not holds(kind, field))


def show(warehouse: Warehouse, resource: ResourceRef | int) -> SpecView:
    """One spec beside the live values, with its history.

    Raises:
        ResourceNotFound: there is no such resource, or more than one.
        SpecError: it has no spec.
    """
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        resource_id = find_resource(connection, resource)
        row = _SQL.run(connection, "show", {"resource_id": resource_id}).mappings().one_or_none()
        history = _SQL.run(connection, "history", {"resource_id": resource_id}).mappings().all()
    if row is None:
        raise SpecError(
            f"{resource} has no spec: record one with `arcadia provisioned record`, or take what "
            "is live with `arcadia provisioned adopt`."
        )
    return SpecView(**row, history=tuple(dict(version) for version in history))
