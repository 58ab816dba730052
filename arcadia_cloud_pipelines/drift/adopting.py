"""Takes what is live as what is desired."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ..common.times import Clock, utc_now
from ..kinds import KIND_BY_NAME, REGISTRY
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .resource_refs import ResourceRef, find_resource, kind_called
from .spec_fields import canonical_json, holds, refuse_unheld, without_secrets
from .specs import lock, write_specs

_SQL = Statements(__file__)


ADOPTED = "adopted"

ADOPTED_FIELDS: Mapping[str, tuple[str, ...]] = {
    "": ("name", "region", "size_slug", "tags", "project"),
    **{kind.name: kind.adopted for kind in REGISTRY if kind.adopted},
}
"""What `adopt` takes when no fields are named: those of every kind under "", more by kind."""


def adopt(
    warehouse: Warehouse,
    *,
    actor: str,
    kinds: Collection[str] = (),
    fields: Collection[str] = (),
    resources: Collection[ResourceRef | int] = (),
    reason: str | None = None,
    now: Clock = utc_now,
) -> int:
    """Take today's live values as the desired state, and return how many specs that changed.

    Live values that are nothing are not recorded, and what DigitalOcean made for a cluster is left
    out unless it is named. Other fields of existing specs stay.

    Args:
        warehouse: where.
        actor: who says so.
        kinds: only these; all when empty.
        fields: only these; `ADOPTED_FIELDS` when empty.
        resources: only these; all when empty.
        reason: why.
        now: the clock.

    Raises:
        ResourceNotFound: one of `resources` is not known.
        SpecError: the inventory holds one of `fields` of none of the kinds.
    """
    for field in fields:
        chosen_kinds = [kind_called(kind) for kind in kinds] or list(KIND_BY_NAME)
        if not any(holds(kind, field) for kind in chosen_kinds):
            refuse_unheld(chosen_kinds[0], {field: None})
    warehouse.check_migrated()
    chosen = {"": tuple(fields)} if fields else dict(ADOPTED_FIELDS)
    with warehouse.transaction() as connection:
        lock(connection)
        parameters = {
            "fields": canonical_json(chosen),
            "kinds": [kind_called(kind) for kind in kinds],
            "ids": [find_resource(connection, resource) for resource in resources],
        }
        rows = [
            {"resource_id": row.resource_id, "spec": without_secrets(row.spec)[0]}
            for row in _SQL.run(connection, "live_specs", parameters)
        ]
        return write_specs(
            connection, rows, mode="merge", source=ADOPTED, actor=actor,
            reason=reason or "adopted what was live", at=now(),
        )  # fmt: skip
