"""Lines of invoices that are matched again: the inventory has grown, or the rules are newer."""

from __future__ import annotations

from ..common.frames import pd
from ..warehouse.copy import copy_frame
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .ingest import BATCH_INVOICES
from .matching import RULES_VERSION, load_inventory, match_lines

_SQL = Statements(__file__)


def rematch(warehouse: Warehouse) -> int:
    """Match lines again, without fetching anything; return how many of them changed and have one.

    Lines that found no resource are tried again, which is worth doing whenever the inventory has
    grown. Lines that an earlier version of the rules matched are put right once.
    """
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        accounts = _SQL.run(connection, "with_lines").scalars().all()
    return sum(_rematch_account(warehouse, account) for account in accounts)


def _rematch_account(warehouse: Warehouse, account: str) -> int:
    scope = {"account": account, "rules": RULES_VERSION}
    with warehouse.transaction() as connection:
        stale = _SQL.run(connection, "stale_invoices", scope).scalars().all()
    matched = 0
    for start in range(0, len(stale), BATCH_INVOICES):
        batch = list(stale[start : start + BATCH_INVOICES])
        matched += _rematch(warehouse, "stale", account, batch)
    return matched + _rematch(warehouse, "unmatched", account, [])


def _rematch(warehouse: Warehouse, which: str, account: str, invoices: list[int]) -> int:
    """Match the lines of an account that a statement selects, in one transaction."""
    scope = {"account": account, "invoices": invoices, "rules": RULES_VERSION}
    with warehouse.transaction() as connection:
        _SQL.run(connection, "lock_rematch")
        rows = _SQL.run(connection, which, scope)
        lines = pd.DataFrame(rows.all(), columns=list(rows.keys()))
        matched = 0
        if not lines.empty:
            # The matcher takes texts, as a CSV has them; a column of NULLs alone has no type.
            texts = lines.columns.drop(["id", "line_number"])
            lines[texts] = lines[texts].astype("str")
            lines = match_lines(lines, load_inventory(connection, account))
            _SQL.run(connection, "create_rematched")
            columns = (
                "id", "kind", "resource_name", "region", "resource_id", "match_method",
                "unmatched_reason", "match_candidates", "conflicting_resource_id",
            )  # fmt: skip
            copy_frame(connection, "rematched", lines, columns)
            matched = _SQL.run(connection, "store_rematched").scalar_one()
        if invoices:
            _SQL.run(connection, "mark_rematched", scope)
    return matched


def unmatched_since(warehouse: Warehouse, newest_known: int) -> int | None:
    """Return whether lines should be matched again: the inventory or the rules are newer.

    Args:
        warehouse: where both are.
        newest_known: the number (`cloud_resources.id`) of the newest resource that the lines
            were matched against; 0 before the first time.

    Returns:
        The number of the newest resource now, or None when there is nothing to match again.
    """
    with warehouse.transaction() as connection:
        newest: int | None = _SQL.run(
            connection, "grown", {"newest": newest_known, "rules": RULES_VERSION}
        ).scalar()
    return newest
