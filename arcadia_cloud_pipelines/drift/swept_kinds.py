"""The kinds whose newest listing proves something, so that they may be compared."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from ..common.late import CLOCK_TOLERANCE, DRIFT_JUDGES
from ..kinds import REGISTRY
from ..warehouse.statements import Statements

_SQL = Statements(__file__)


STALE_AFTER = DRIFT_JUDGES
"""How old the newest listing of a kind may be."""


def reason_to_skip(
    listed_at: datetime | None, *, complete: bool, implausible: bool, now: datetime
) -> str | None:
    """Say why a kind is left alone, judging by its newest sync; None if nothing speaks against it.

    Args:
        listed_at: when the newest sync of the kind began; None when there was none.
        complete: whether it was complete.
        implausible: whether more was missing than plausibly could.
        now: the time.
    """
    if listed_at is None:
        return "never listed"
    if listed_at - now > CLOCK_TOLERANCE:
        return f"the listing of {listed_at:%Y-%m-%d %H:%M} UTC is dated ahead of now"
    if not complete:
        return f"the listing of {listed_at:%Y-%m-%d %H:%M} UTC failed or was not complete"
    if implausible:
        return f"the listing of {listed_at:%Y-%m-%d %H:%M} UTC was implausible"
    if now - listed_at >= STALE_AFTER:
        return f"last listed {listed_at:%Y-%m-%d %H:%M} UTC, more than {STALE_AFTER} ago"
    return None


def choose_kinds(
    connection: sa.Connection, now: datetime
) -> tuple[dict[tuple[str, str], Mapping[str, int]], dict[str, str], int]:
    """Return the kinds whose newest listing proves something.

    Returns:
        Account and kind with the fields that went empty in all rows; account and kind that are
        skipped, whole or in part, with the reason; the number of specs to compare.
    """
    swept: dict[tuple[str, str], Mapping[str, int]] = {}
    skipped: dict[str, str] = {}
    specs = 0
    for row in _SQL.run(connection, "kinds"):
        label = f"{row.account}/{row.kind}"
        reason = reason_to_skip(
            row.started_at, complete=row.complete, implausible=row.implausible, now=now
        )
        if reason is not None:
            skipped[label] = reason
            continue
        swept[row.account, row.kind] = row.withheld
        specs += row.specs
        if row.withheld:
            fields = ", ".join(sorted(row.withheld))
            skipped[label] = f"{fields} became empty in all rows; other fields were compared"
    return swept, skipped, specs


def withhold_parts(
    connection: sa.Connection,
    swept: dict[tuple[str, str], Mapping[str, int]],
    skipped: dict[str, str],
    now: datetime,
) -> None:
    """Leave alone the fields that rest on another kind whose newest listing proves nothing."""
    made_of = [(kind.name, *one) for kind in REGISTRY for one in kind.made_of.items()]
    for kind, field_, part in made_of:
        accounts = [account for account, swept_kind in swept if swept_kind == kind]
        if not accounts:
            continue
        for row in _SQL.run(connection, "newest", {"accounts": accounts, "kind": part}):
            reason = reason_to_skip(
                row.started_at, complete=row.complete, implausible=row.implausible, now=now
            )
            if reason is not None:
                # As a field that went empty in all rows: it is left out of the comparison.
                swept[row.account, kind] = {**swept[row.account, kind], field_: 0}
                skipped.setdefault(
                    f"{row.account}/{kind}",
                    f"{field_}: {part}: {reason}; other fields compared",
                )
