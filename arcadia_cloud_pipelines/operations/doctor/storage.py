"""The two databases: there, new enough, migrated, with roles and pools?"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from ...settings import Purpose, Settings, SettingsError
from ...warehouse.embedded_programs import EmbeddedPostgresError
from ...warehouse.engine import Warehouse, running_dagster_url, running_warehouse
from ...warehouse.errors import WarehouseError
from ...warehouse.installed_views import installed_digest
from ...warehouse.migrate import server_problem
from ...warehouse.revision import current_revision, head_revision
from ...warehouse.views import digest
from ..home import Home
from .findings import Finding, neither, well, wrong

ROLES = ("arcadia_reader", "arcadia_tenant")


def check_warehouse(settings: Settings) -> tuple[Warehouse | None, list[Finding]]:
    """Reachable, new enough, migrated, with its roles?

    Returns:
        The warehouse, None unless it can be asked for rows.
    """
    variable = "ARCADIA_DATABASE_URL" if settings.database_url is not None else "the disk"
    try:
        warehouse = running_warehouse(settings)
        if warehouse is None:
            return None, [_embedded_is_down(settings, "warehouse")]
        with warehouse.transaction() as connection:
            problem = server_problem(connection)
            major = connection.execute(sa.text("SHOW server_version")).scalar_one().split(".")[0]
            revision = current_revision(connection)
            views = installed_digest(connection)
            roles = set(
                connection.execute(
                    sa.text("SELECT rolname FROM pg_roles WHERE rolname = ANY(:roles)"),
                    {"roles": list(ROLES)},
                ).scalars()
            )
    except (WarehouseError, EmbeddedPostgresError, SettingsError) as error:
        return None, [wrong("warehouse", str(error), f"check the server and {variable}")]
    except SQLAlchemyError as error:
        return None, [
            wrong("warehouse", f"{type(error).__name__}", f"check the server and {variable}")
        ]
    kind = "embedded PostgreSQL" if warehouse.embedded else "PostgreSQL"
    found = []
    if problem is not None:
        what, _, advice = problem.partition(". ")
        found.append(wrong("warehouse", f"{warehouse.place}: {what}", advice.removesuffix(".")))
    else:
        found.append(well("warehouse", f"{warehouse.place}: {kind} {major}"))
    head = head_revision()
    # Whatever is not this release's whole schema is not asked: the asking would bring it there.
    migrated = revision == head and views == digest()
    if migrated:
        found.append(well("schema", head))
    elif revision == head:
        found.append(wrong("schema", "its views are from another release", "run `arcadia migrate`"))
    elif warehouse.embedded and revision is None:
        found.append(neither("schema", "the database is empty: the first use fills it"))
    else:
        found.append(
            wrong("schema", f"{revision or 'none'}, but this release needs {head}",
                   "run `arcadia migrate`; if the schema is newer, install the newer release")
        )  # fmt: skip
    for role in ROLES:
        if role in roles:
            found.append(well("role", role))
        elif migrated:
            found.append(
                wrong("role", f"{role} is missing",
                       f"let an administrator run CREATE ROLE {role} NOLOGIN, then run "
                       "`arcadia migrate`")
            )  # fmt: skip
    return (warehouse if migrated else None), found


def _embedded_is_down(settings: Settings, subject: str) -> Finding:
    """Tell a server that nobody needs now from one that should be there. Neither is started."""
    if Home(settings.home).in_use():
        return wrong(
            subject,
            f"the embedded PostgreSQL of {settings.home} does not answer, but `arcadia up` runs",
            f"wait half a minute, it is restarted; then look at {settings.home}/logs/postgres.log",
        )
    return neither(
        subject,
        "the embedded PostgreSQL does not run now: the next command that needs it starts it",
    )


def check_dagster_storage(settings: Settings) -> Iterator[Finding]:
    """Dagster's own database: does it answer, and have its pools their slots?"""
    try:
        url = running_dagster_url(settings)
        if url is None:
            yield _embedded_is_down(settings, "Dagster storage")
            return
        engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"connect_timeout": 10})
        with engine.connect() as connection:
            place = f"PostgreSQL, database {engine.url.database}"
            if connection.execute(sa.text("SELECT to_regclass('event_logs')")).scalar() is None:
                yield neither("Dagster storage", f"{place}: empty; the first use fills it")
                return
            yield well("Dagster storage", place)
            limits = dict(
                connection.execute(
                    sa.text('SELECT concurrency_key, "limit" FROM concurrency_limits')
                )
                .tuples()
                .all()
            )
    except (EmbeddedPostgresError, SettingsError) as error:
        yield wrong("Dagster storage", str(error), "check the disk and DAGSTER_POSTGRES_URL")
        return
    except SQLAlchemyError as error:
        reason = " ".join(str(getattr(error, "orig", "") or type(error).__name__).split())
        yield wrong("Dagster storage", reason, "check the server and DAGSTER_POSTGRES_URL")
        return
    missing = [purpose.value for purpose in Purpose if purpose.value not in limits]
    closed = [purpose.value for purpose in Purpose if limits.get(purpose.value) == 0]
    if closed:
        yield wrong(
            "pools",
            f"{', '.join(closed)}: no slots, so none of their steps can run",
            f"run `dagster instance concurrency set {closed[0]} 1`, and the same for the others",
        )
    elif missing:
        yield neither(
            "pools", f"{', '.join(missing)}: not set yet: the first `arcadia up` sets them"
        )
    else:
        slots = ", ".join(f"{name} {limits[name]}" for name in sorted(limits) if name in {*Purpose})
        yield well("pools", slots)
