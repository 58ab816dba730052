"""The one place that says what the roles of readers may do. Stated at each migration, also again.

Grants get lost: a table is restored from a dump without them, or somebody revokes too much. So
`arcadia migrate` looks at them each time, and gives back what is missing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from .statements import Statements

logger = logging.getLogger(__name__)

READER = "arcadia_reader"
"""Reads every table and view of ours, and changes nothing."""
TENANT = "arcadia_tenant"
"""Reads the rows of one tenant; `cloud_secure_tenants()` makes it so."""

_SQL = Statements(__file__)


def give(connection: sa.Connection) -> list[str]:
    """Give the roles what they lack, and return what that was.

    A role that is missing is made where this user may make roles. Nothing is taken away.

    Args:
        connection: in the transaction of a migration.

    Returns:
        What was given, such as `SELECT ON public.cloud_invoices`; empty when nothing was lost.
    """
    with _tolerated(connection, f"CREATE ROLE {READER} NOLOGIN"):
        _SQL.run(connection, "create_reader")
    lost = _lost(connection)
    for what in lost:
        with _tolerated(connection, f"GRANT {what} TO {READER}"):
            connection.exec_driver_sql(f"GRANT {what} TO {READER}".replace("%", "%%"))
    # Where this user may read and not grant, PostgreSQL grants nothing and says so in a notice.
    left = _lost(connection)
    given = [what for what in lost if what not in left]
    if left:
        logger.warning(
            "%s lacks what this user may not give, ask an administrator: %s",
            READER, "; ".join(f"GRANT {what} TO {READER}" for what in left),
        )  # fmt: skip
    if _SQL.run(connection, "reader_sees_new", {"role": READER}).scalar() is False:
        with _tolerated(connection, f"default privileges for {READER}"):
            _SQL.run(connection, "new_to_reader")
    given += _tenants(connection)
    return given


def _lost(connection: sa.Connection) -> list[str]:
    return list(_SQL.run(connection, "lost", {"role": READER}).scalars())


def _tenants(connection: sa.Connection) -> list[str]:
    before = _SQL.run(connection, "tenant_reads", {"role": TENANT}).scalars().all()
    problem = None
    with _tolerated(connection, f"grants of {TENANT}"):
        problem = _SQL.run(connection, "secure_tenants").scalar()
    if problem is not None:
        logger.warning("tenants get no answer: %s", problem)
    after = _SQL.run(connection, "tenant_reads", {"role": TENANT}).scalars().all()
    return [f"SELECT ON {name} (to {TENANT})" for name in after if name not in before]


@contextmanager
def _tolerated(connection: sa.Connection, what: str) -> Iterator[None]:
    """Go on where this user may not do a thing, and name it: the schema is of use without it."""
    try:
        with connection.begin_nested():
            yield
    except DBAPIError as error:
        if getattr(error.orig, "pgcode", None) != "42501":
            raise
        logger.warning("this user may not do it, ask an administrator: %s", what)
