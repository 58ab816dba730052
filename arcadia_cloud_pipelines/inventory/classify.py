"""What a project is for and whose it is: our own classification, which no sync touches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from ..warehouse.engine import Warehouse
from .tables import cloud_projects, cloud_resources


class ProjectError(Exception):
    """A project cannot be found or told from another; the text says what to do."""


@dataclass(frozen=True)
class Project:
    """One live project."""

    id: int
    provider_id: str
    name: str
    environment: str | None
    tenant_id: str | None
    purpose: str | None
    resources: int
    """Live ones in it."""


def list_projects(warehouse: Warehouse) -> Sequence[Project]:
    """The live projects of every account, by name.

    Raises:
        WarehouseError: the warehouse is away or not migrated.
    """
    warehouse.check_migrated()
    projects, resources = cloud_projects.c, cloud_resources.c
    query = (
        sa.select(
            projects.id,
            projects.provider_id,
            projects.name,
            projects.environment,
            projects.tenant_id,
            projects.purpose,
            sa.func.count(resources.id),
        )
        .outerjoin(
            cloud_resources,
            (resources.project_id == projects.id) & resources.deleted_at.is_(None),
        )
        .where(projects.deleted_at.is_(None))
        .group_by(projects.id)
        .order_by(projects.name, projects.id)
    )
    with warehouse.transaction() as connection:
        return [Project(*row) for row in connection.execute(query)]


def classify_project(
    warehouse: Warehouse,
    name_or_id: str,
    *,
    tenant_id: str | None = None,
    purpose: str | None = None,
) -> Project:
    """Say whose a project is, and what it is for; what is None stays, "" takes it back.

    The tenant sees the project's resources through the HTTP API from then on.

    Args:
        warehouse: where.
        name_or_id: its name, in any case, or its uuid.
        tenant_id: the tenant.
        purpose: in our own words.

    Raises:
        ProjectError: there is no such live project, or several have the name.
        WarehouseError: the warehouse is away or not migrated.
    """
    wanted = name_or_id.casefold()
    found = [
        project
        for project in list_projects(warehouse)
        if project.provider_id == name_or_id or project.name.casefold() == wanted
    ]
    if not found:
        raise ProjectError(
            f"There is no live project {name_or_id!r}: `arcadia projects list` shows those known."
        )
    if len(found) > 1:
        uuids = ", ".join(project.provider_id for project in found)
        raise ProjectError(f"{len(found)} projects are called {name_or_id!r}: take one of {uuids}.")
    values = {
        name: value or None
        for name, value in (("tenant_id", tenant_id), ("purpose", purpose))
        if value is not None
    }
    if values:
        with warehouse.transaction() as connection:
            connection.execute(
                sa.update(cloud_projects).where(cloud_projects.c.id == found[0].id).values(**values)
            )
    return next(p for p in list_projects(warehouse) if p.id == found[0].id)
