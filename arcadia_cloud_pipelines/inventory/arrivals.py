"""New rows and their first events, straight into the tables where they stay.

To stage 50,000 and take them from there takes twice as long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson
import sqlalchemy as sa

from ..times import database_time
from ..warehouse.copy import array_literal, copy_rows
from .sightings import Sighting

ROW_COLUMNS = (
    "name", "region", "status", "size_slug", "tags", "created_at", "attrs", "content_hash",
)  # fmt: skip


class Place(NamedTuple):
    """Where a sighting goes that is new or differs from its row."""

    ordinal: int
    """Of the sighting."""
    is_new: bool
    resource_id: int
    project_id: int | None
    has_digest: bool
    """Whether the next listing may pass it by where nothing differs."""
    names_own: bool
    """Whether the object itself names a project that is known."""


Arrival = tuple[Place, Sighting]


def add(
    connection: sa.Connection, scope: Mapping[str, object], arrivals: Sequence[Arrival]
) -> None:
    """Add rows, each with an event that has all that is known of it as a change from nothing.

    Args:
        connection: an open transaction, in which nobody else records this kind.
        scope: the parameters of the ledger's statements.
        arrivals: what has no row yet.
    """
    if not arrivals:
        return
    same = tuple(scope[name] for name in ("provider", "account", "kind", "seen_at", "seen_at"))
    copy_rows(
        connection, "cloud_resources",
        ("provider", "account", "kind", "first_seen_at", "last_seen_at", "id", "provider_id",
         "project_id", *ROW_COLUMNS),
        (
            (*same, place.resource_id, one.provider_id, place.project_id,
             *staged_row(one, has_digest=place.has_digest))
            for place, one in arrivals
        ),
    )  # fmt: skip
    same = ("discovered", *(scope[name] for name in ("account", "seen_at", "run_id")))
    copy_rows(
        connection, "cloud_resource_events",
        ("event", "account", "occurred_at", "run_id", "resource_id", "changes"),
        (
            (*same, place.resource_id, _changes_from_nothing(one, place.project_id))
            for place, one in arrivals
        ),
    )  # fmt: skip


def known_fields(sighting: Sighting) -> dict[str, object]:
    """Return the fields that a sighting has, as events hold them."""
    columns = {
        "name": sighting.name, "region": sighting.region, "status": sighting.status,
        "size_slug": sighting.size_slug, "tags": sighting.tags or None,
        "created_at": sighting.created_at and database_time(sighting.created_at),
    }  # fmt: skip
    known: dict[str, object] = orjson.loads(sighting.attrs)
    return known | {name: value for name, value in columns.items() if value is not None}


def _changes_from_nothing(sighting: Sighting, project_id: int | None) -> str:
    """Return what is known of a new resource as its event has it."""
    known = known_fields(sighting)
    if project_id is not None:
        known["project_id"] = project_id
    return orjson.dumps(
        {name: {"from": None, "to": value} for name, value in known.items()}
    ).decode()


def staged_row(sighting: Sighting, *, has_digest: bool = True) -> tuple[object, ...]:
    """A sighting as COPY takes it, in the order of `ROW_COLUMNS`."""
    return (
        *sighting[1:5],
        array_literal(sighting.tags),
        sighting.created_at,
        sighting.attrs.decode(),
        sighting.content_hash if has_digest else None,
    )
