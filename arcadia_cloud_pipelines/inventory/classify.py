"""The purpose and the tenant of projects: our own classification, which no listing touches.

Each of the two fields is set by hand or by the rules (`rules.py`), and `tenant_id_by` and
`purpose_by` say which. The rules never change what was set by hand; what they set follows them:
it changes with them, and goes when no rule gives it any more.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .rules import (
    EFFECTS,
    ProjectRule,
    ProjectRulesError,
    Subject,
    classify_by_rules,
    read_project_rules,
)
from .tables import cloud_projects, cloud_resources

logger = logging.getLogger(__name__)

_SQL = Statements(__file__)

HAND = "hand"
RULE = "rule"


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
    tenant_id_by: str | None
    """`hand`, `rule`, or None when neither said anything. By hand there can be none, too."""
    purpose: str | None
    purpose_by: str | None
    resources: int
    """Live ones in it."""


@dataclass(frozen=True)
class Reclassified:
    """One field of one project that the rules changed."""

    project: str
    provider_id: str
    deleted: bool
    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class KeptClassification:
    """One field that the rules would have changed, had it not been set by hand."""

    project: str
    provider_id: str
    field: str
    value: str | None
    rules_say: str


@dataclass(frozen=True)
class Applied:
    """Result of applying the rules."""

    changes: tuple[Reclassified, ...] = ()
    kept: tuple[KeptClassification, ...] = ()
    idle: tuple[ProjectRule, ...] = ()
    """Rules that match no project, live or deleted."""


@dataclass(frozen=True)
class Followed:
    """Result of following the rules in a sync of the projects."""

    changes: tuple[Reclassified, ...] = ()
    problem: str | None = None
    """Why they could not be used; everything stays as it was then."""


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
            projects.tenant_id_by,
            projects.purpose,
            projects.purpose_by,
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
    to_rules: Iterable[str] = (),
    rules: Sequence[ProjectRule] = (),
) -> Project:
    """Say whose a project is, and what it is for; what is None stays, "" is none.

    The tenant sees the project's resources through the HTTP API from then on. Rules leave alone
    what was said, a "" too: who was refused access does not get it back from a rule.

    Args:
        warehouse: where.
        name_or_id: its name, in any case, or its uuid.
        tenant_id: the tenant.
        purpose: in our own words.
        to_rules: fields, `tenant_id` or `purpose`, that are left to the rules again.
        rules: what those become at once; without any, none.

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
            f"There is no live project {name_or_id!r}: take one that `arcadia projects list` shows."
        )
    if len(found) > 1:
        uuids = ", ".join(project.provider_id for project in found)
        raise ProjectError(
            f"{len(found)} projects have the name {name_or_id!r}: give one of the ids {uuids}."
        )
    values: dict[str, str | None] = {}
    for field, value in (("tenant_id", tenant_id), ("purpose", purpose)):
        if value is not None:
            values |= {field: value or None, f"{field}_by": HAND}
    for field in to_rules:
        values |= {field: None, f"{field}_by": None}
    if values:
        with warehouse.transaction() as connection:
            # Before any row, as a sync of the projects does: the other order is a deadlock.
            _SQL.run(connection, "lock")
            connection.execute(
                sa.update(cloud_projects).where(cloud_projects.c.id == found[0].id).values(**values)
            )
            if to_rules:
                _apply(connection, rules, only=found[0].id)
    return next(p for p in list_projects(warehouse) if p.id == found[0].id)


def apply_rules(
    warehouse: Warehouse, rules: Sequence[ProjectRule], *, dry_run: bool = False
) -> Applied:
    """Make the projects of every account, deleted ones too, what the rules say.

    Args:
        warehouse: where.
        rules: all of them: what an earlier application set and these do not give goes.
        dry_run: only say what would change.

    Raises:
        WarehouseError: the warehouse is away or not migrated; nothing was changed.
    """
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        savepoint = connection.begin_nested()
        applied = _apply(connection, rules)
        if dry_run:
            savepoint.rollback()
    return applied


def follow_rules(warehouse: Warehouse, path: Path | None) -> Followed:
    """Apply the rules of a file, as every sync of the projects does; None for no file.

    Without a file everything stays, what a former file set too: a variable that somebody forgot
    must not take every tenant's access away.

    Raises:
        WarehouseError: the warehouse is away or not migrated; nothing was changed.
    """
    if path is None:
        return Followed()
    try:
        rules = read_project_rules(path)
    except ProjectRulesError as error:
        logger.warning("%s", error)
        return Followed(problem=str(error))
    return Followed(apply_rules(warehouse, rules).changes)


def _apply(
    connection: sa.Connection, rules: Sequence[ProjectRule], only: int | None = None
) -> Applied:
    _SQL.run(connection, "lock")
    rows = [
        row
        for row in _SQL.run(connection, "subjects").mappings()
        if only is None or row["id"] == only
    ]
    subjects = [Subject(*(row[field] for field in Subject._fields)) for row in rows]
    said = classify_by_rules(rules, subjects)
    _SQL.run(connection, "by_rules")
    changed = _SQL.run(
        connection,
        "apply",
        {
            "ids": [s.id for s in said],
            "tenants": [s.tenant_id for s in said],
            "purposes": [s.purpose for s in said],
        },
    ).all()
    changes = [
        Reclassified(row.name, row.provider_id, row.deleted, field, before, after)
        for row in changed
        for field, before, after in (
            ("tenant_id", row.tenant_from, row.tenant_to),
            ("purpose", row.purpose_from, row.purpose_to),
        )
        if before != after
    ]
    kept = [
        KeptClassification(row["name"], row["provider_id"], field, row[field], wanted)
        for row, one in zip(rows, said, strict=True)
        for field in EFFECTS
        if (wanted := getattr(one, field)) is not None
        and row[f"{field}_by"] == HAND
        and row[field] != wanted
    ]
    idle = [rule for rule in rules if not any(rule.matches(subject) for subject in subjects)]
    return Applied(
        tuple(sorted(changes, key=lambda c: (c.project, c.provider_id, c.field))),
        tuple(kept),
        tuple(idle),
    )
