"""Resources as people name them: by kind and id, or by a name that one live resource has."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from ..kinds import KIND_OF_FORMER_NAME, KIND_OF_URN_TYPE
from ..warehouse.statements import Statements
from .errors import SpecError

_SQL = Statements(__file__)


class ResourceNotFound(SpecError):
    """No resource of that kind has this id, or name, or more than one has this name."""


@dataclass(frozen=True)
class ResourceRef:
    """A resource as people name it."""

    kind: str
    """As `cloud_resources.kind` spells it; `floating_ip` and types of urns pass too."""
    id: str
    """The provider's id, else the name of the one live resource that has it."""
    account: str | None = None
    """The team's, where two use one name; any when None."""

    def __str__(self) -> str:
        return f"{self.kind}/{self.id}"


def find_resource(connection: sa.Connection, resource: ResourceRef | int) -> int:
    """The row of a resource.

    Raises:
        ResourceNotFound: none, or more than one of that name.
    """
    if isinstance(resource, int):
        found = _SQL.run(connection, "exists", {"resource_id": resource}).scalars().all()
        if not found:
            raise ResourceNotFound(
                f"There is no resource with the row id {resource}: see cloud_resources.id."
            )
        return int(found[0])
    kind = kind_called(resource.kind)
    rows = _SQL.run(
        connection, "find", {"kind": kind, "id": resource.id, "account": resource.account}
    ).all()
    best = [row.id for row in rows if row.by_id] or [row.id for row in rows]
    if len(best) == 1:
        return int(best[0])
    if best:
        ids = ", ".join(f"{row.provider_id} of account {row.account}" for row in rows[:5])
        raise ResourceNotFound(
            f"{len(best)} live resources of kind {kind} have the name {resource.id}: give one of "
            f"the ids {ids}."
        )
    raise ResourceNotFound(
        f"There is no {kind} with the id or name {resource.id}: check the spelling, or materialise "
        "the asset of this kind first."
    )


def kind_called(name: str) -> str:
    """The kind by its own name, the type in a urn, or its name before 2022."""
    return {**KIND_OF_FORMER_NAME, **KIND_OF_URN_TYPE}.get(name, name)
