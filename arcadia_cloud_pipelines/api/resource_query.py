"""Which resources a request asks for, as SQL: as they are now or as they were, and whose."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.dialects.postgresql import ARRAY

from ..inventory.tables import cloud_projects, cloud_resource_events, cloud_resources
from .caller import Caller
from .encoding import raw_json
from .parameters import Flag, Instant, KindName, PageQuery, Text
from .scope import of_accounts

_COLUMNS = (
    "id", "provider", "account", "kind", "provider_id", "name", "region", "status", "size_slug",
    "tags", "project_id", "attrs", "created_at", "first_seen_at", "deleted_at",
)  # fmt: skip


class ResourceQuery(PageQuery):
    """Which resources."""

    account: Text | None = Field(default=None, description="The team, by its account.")
    kind: KindName | None = None
    region: Text | None = None
    status: Text | None = None
    tag: list[Text] = Field(default=[], max_length=20, description="Repeated: all of them.")
    project: Text | None = Field(
        default=None, description="A project's uuid at DigitalOcean, or name."
    )
    name_prefix: Text | None = Field(default=None, description="Begin of the name, in any case.")
    changed_since: Instant | None = Field(default=None, description="With an event at or after it.")
    include_deleted: Flag = False
    as_of: Instant | None = Field(default=None, description="The account as it was stored then.")


# Made once: a table's alias costs more to make than its rows to read.
_RESOURCE = cloud_resources.alias("r")
_PROJECT = cloud_projects.alias("p")


def _select(
    source: Any, first_seen: sa.ColumnElement[Any], last_seen: sa.ColumnElement[Any]
) -> sa.Select[Any]:
    """Select all columns of a resource, from the table or from what it was."""
    columns: list[sa.ColumnElement[Any]] = []
    for name in _COLUMNS:
        if name == "attrs":
            columns += [_PROJECT.c.name.label("project"), raw_json(source.c.attrs)]
        elif name == "first_seen_at":
            columns.append(first_seen.label(name))
        elif name == "tags":
            # The driver gives a list of texts as it is; SQLAlchemy would make it again.
            columns.append(sa.type_coerce(source.c.tags, sa.types.NullType()).label(name))
        elif name == "deleted_at":
            columns += [last_seen.label("last_seen_at"), source.c.deleted_at]
        else:
            columns.append(source.c[name])
    return sa.select(*columns).select_from(
        sa.outerjoin(source, _PROJECT, _PROJECT.c.id == source.c.project_id)
    )


_AS_THEY_ARE = _select(_RESOURCE, _RESOURCE.c.first_seen_at, _RESOURCE.c.last_seen_at)
# Since when it is there, a tenant learns from when it was there for the tenant.
_FOR_A_TENANT = _select(
    _RESOURCE,
    sa.func.cloud_tenant_first_seen(_RESOURCE.c.id, _RESOURCE.c.first_seen_at),
    _RESOURCE.c.last_seen_at,
)


def select_resources(query: ResourceQuery, caller: Caller) -> sa.Select[Any]:
    """Select the resources wanted, as they are or as they were."""
    r: Any = _RESOURCE.c
    wanted = _AS_THEY_ARE if caller.tenant is None else _FOR_A_TENANT
    if query.as_of is not None:
        then = sa.func.resources_as_of(query.as_of).table_valued(
            *(sa.column(name, cloud_resources.c[name].type) for name in _COLUMNS), name="r"
        )
        # What it was is told by changes, which do not say when it was seen last.
        r, wanted = then.c, _select(then, then.c.first_seen_at, sa.null())
    wanted = wanted.where(*of_accounts(r.account, caller, query.account))
    for name in ("kind", "region", "status"):
        if (value := getattr(query, name)) is not None:
            wanted = wanted.where(r[name] == value)
    if query.tag:
        wanted = wanted.where(r.tags.contains(sa.cast(query.tag, ARRAY(sa.Text))))
    if query.project is not None:
        wanted = wanted.where(
            r.project_id.in_(
                sa.select(cloud_projects.c.id).where(
                    sa.or_(
                        cloud_projects.c.provider_id == query.project,
                        cloud_projects.c.name == query.project,
                    )
                )
            )
        )
    if query.name_prefix is not None:
        wanted = wanted.where(
            sa.func.starts_with(sa.func.lower(r.name), sa.func.lower(query.name_prefix))
        )
    if query.changed_since is not None:
        wanted = wanted.where(r.id.in_(_changed(query)))
    if not query.include_deleted:
        wanted = wanted.where(r.deleted_at.is_(None))
    return wanted


def _changed(query: ResourceQuery) -> sa.Select[tuple[int]]:
    event = cloud_resource_events.c
    changed = sa.select(event.resource_id).where(
        event.occurred_at >= query.changed_since, event.event != "drift_detected"
    )
    return changed if query.as_of is None else changed.where(event.occurred_at <= query.as_of)
