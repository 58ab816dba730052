"""The sweep: every spec beside every live row, and the inbox brought up to date.

One transaction and a fixed number of statements, whatever the number of specs. PostgreSQL puts
aside all pairs that are equal to the letter; the rest, each pair of values once, and what is open,
comes here and is judged by `compare.py`; only what opens, moves or closes goes back. When nothing
did, only the sweep's own row is written.

The rules are those of the data contract: a mismatch opens one record and writes one
`drift_detected` event; while it is open, desired and actual follow; a mismatch that is gone closes
as `stale`. Kinds whose inventory is stale or incomplete are left alone: stale data neither opens
nor closes drift.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ..common.times import Clock
from ..warehouse.copy import copy_rows
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .decisions import Change, decide
from .ignore import IgnoreRule, read_ignore_rules
from .pairs import read_pairs
from .spec_fields import canonical_json
from .specs import lock
from .swept_kinds import choose_kinds, withhold_parts
from .tables import cloud_drift_sweeps


@dataclass(frozen=True)
class SweepResult:
    """Result of one detection run, as its row in `cloud_drift_sweeps` has it."""

    id: int
    started_at: datetime
    ended_at: datetime
    kinds_swept: tuple[str, ...]
    """As account/kind."""
    kinds_skipped: Mapping[str, str]
    """account/kind → why."""
    specs: int
    opened: int
    updated: int
    closed: int
    open_after: int
    ignored: int
    rules_expired: tuple[IgnoreRule, ...] = field(default=())


_SQL = Statements(__file__)


def sweep(
    warehouse: Warehouse, *, run_id: str | None = None, now: Clock | None = None
) -> SweepResult:
    """Compare every spec with what is live, and bring the inbox up to date.

    The clock is the database's when None.

    Sweeps, decisions and new specs take turns. Writes nothing but its own row when nothing changed.

    Raises:
        WarehouseError: the warehouse is away or not migrated; nothing was written.
    """
    warehouse.check_migrated()
    now = now or warehouse.now
    with warehouse.transaction() as connection:
        lock(connection)
        started_at = now()
        swept, skipped, specs = choose_kinds(connection, started_at)
        withhold_parts(connection, swept, skipped, started_at)
        rules = read_ignore_rules(connection)
        working = [rule for rule in rules if not rule.expired(started_at)]
        decided = [
            decide(pair, working) for pair in read_pairs(connection, swept, named=bool(working))
        ]
        changes = [change for change, _ in decided if change is not None]
        if changes:
            changes.sort(key=lambda change: (change.resource_id, change.field))
            _apply(connection, changes, started_at, run_id)
        counts = {verb: sum(c.verb == verb for c in changes) for verb in ("open", "move", "close")}
        values: dict[str, Any] = {
            "started_at": started_at,
            "ended_at": now(),
            "kinds_swept": tuple("/".join(kind) for kind in swept),
            "kinds_skipped": skipped,
            "specs": specs,
            "opened": counts["open"],
            "updated": counts["move"],
            "closed": counts["close"],
            "open_after": _SQL.run(connection, "count_open").scalar_one(),
            "ignored": sum(rule is not None for _, rule in decided),
        }
        expired = tuple(rule for rule in rules if rule.expired(started_at))
        sweep_id: int = connection.execute(
            cloud_drift_sweeps.insert()
            .values(
                **values | {"kinds_swept": list(values["kinds_swept"])},
                run_id=run_id,
                rules_expired=[rule.id for rule in expired],
            )
            .returning(cloud_drift_sweeps.c.id)
        ).scalar_one()
    return SweepResult(id=sweep_id, rules_expired=expired, **values)


def _apply(
    connection: sa.Connection, changes: Iterable[Change], at: datetime, run_id: str | None
) -> None:
    """Write what opens, moves and closes, in one COPY and three statements."""
    _SQL.run(connection, "create_changes")
    copy_rows(
        connection, "drift_changes",
        ("verb", "drift_id", "resource_id", "field", "desired", "actual", "successor_id",
         "severity", "reason"),
        (
            (c.verb, c.drift_id, c.resource_id, c.field, _json(c.desired), _json(c.actual),
             c.successor_id, c.severity, c.reason)
            for c in changes
        ),
    )  # fmt: skip
    parameters = {"at": at, "run_id": run_id}
    for name in ("close", "move", "open"):
        _SQL.run(connection, name, parameters)


def _json(value: Any) -> str | None:
    return None if value is None else canonical_json(value)
