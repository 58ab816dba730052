"""What people decide about a Terraform state: that a withdrawal is meant, or an older serial is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..common.times import Clock, utc_now
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .errors import SpecError
from .specs import lock
from .terraform_contents import Contents, described, together
from .terraform_store import apply_contents, known_sources

_SQL = Statements(__file__)


def confirm_withdrawal(
    warehouse: Warehouse, source: str, *, actor: str, reason: str | None, now: Clock = utc_now
) -> int:
    """Withdraw what is held back of a source, or all of one that has lost its file.

    Returns:
        How many specs that changed.

    Raises:
        SpecError: there is no such source, or nothing to confirm.
    """
    if not actor.strip():
        raise SpecError("The actor is empty: give the name of the person who confirms.")
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        lock(connection)
        known = known_sources(connection)
        row = _SQL.run(connection, "source", {"source": source}).one_or_none()
        if row is None:
            raise SpecError(
                f"There is no Terraform state {source}: see `arcadia provisioned sources`."
            )
        if row.status not in ("held", "orphaned") and not described(known[source].held):
            raise SpecError(f"No change of {source} waits for confirmation: leave it as it is.")
        before = {name: together(s.contents, s.held) for name, s in known.items()}
        orphaned = row.status == "orphaned"
        left = Contents() if orphaned else known[source].contents
        _, changed, withdrawn, _ = apply_contents(
            connection, before, before | {source: left},
            {source: reason or "withdrawal confirmed"}, actor, now(),
        )  # fmt: skip
        _SQL.run(connection, "retire" if orphaned else "release", {"source": source})
    return changed + withdrawn


def reset_serial(warehouse: Warehouse, source: str) -> None:
    """Forget the serial of a source, so that the next reading takes an older state of it.

    Raises:
        SpecError: there is no such source.
    """
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        lock(connection)
        if _SQL.run(connection, "reset_serial", {"source": source}).rowcount == 0:
            raise SpecError(
                f"There is no Terraform state {source}: see `arcadia provisioned sources`."
            )


def list_sources(warehouse: Warehouse) -> Sequence[Mapping[str, Any]]:
    """Return every source, and every configured file that could not be read, by path."""
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        return [dict(row) for row in _SQL.run(connection, "sources").mappings()]
