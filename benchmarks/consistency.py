"""Asks a warehouse whether what it holds agrees with itself, whatever happened to it before.

`contradictions` is asked after every kill and at the end of the soak. Each rule names what must be
equal, and each contradiction says where it is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa

COLUMNS = ("name", "region", "status", "size_slug")
TIMES = {"created_at", "deleted_at"}

RULES = {
    "an ingested invoice has its lines, and they add up to what is said of them": """
        SELECT i.invoice_uuid, i.line_count, l.lines, i.lines_total, l.total
        FROM cloud_invoices AS i
        LEFT JOIN LATERAL (
            SELECT count(*) AS lines, coalesce(sum(amount), 0) AS total
            FROM cloud_cost_lines WHERE invoice_id = i.id
        ) AS l ON true
        WHERE i.ingest_status = 'ingested'
          AND (i.line_count, i.lines_total) IS DISTINCT FROM (l.lines, l.total)""",
    "an invoice that was never ingested has no lines": """
        SELECT i.invoice_uuid FROM cloud_invoices AS i
        WHERE i.ingested_at IS NULL
          AND EXISTS (SELECT FROM cloud_cost_lines WHERE invoice_id = i.id)""",
    "lines are numbered from one without a gap": """
        SELECT invoice_id, count(*), min(line_number), max(line_number) FROM cloud_cost_lines
        GROUP BY invoice_id
        HAVING count(*) <> max(line_number) - min(line_number) + 1
            OR count(*) <> count(DISTINCT line_number)""",
    "what syncs say they did is what the events say": """
        SELECT account, kind, said.*, found.* FROM (
            SELECT account, kind, sum(discovered) AS discovered, sum(restored) AS restored,
                sum(deleted) AS deleted
            FROM cloud_sync_runs WHERE account IS NOT NULL GROUP BY account, kind
        ) AS said
        FULL JOIN (
            SELECT r.account, r.kind,
                count(*) FILTER (WHERE event = 'discovered') AS discovered,
                count(*) FILTER (WHERE event = 'restored') AS restored,
                count(*) FILTER (WHERE event = 'deleted') AS deleted
            FROM cloud_resource_events AS e JOIN cloud_resources AS r ON r.id = e.resource_id
            WHERE r.kind <> 'unknown'
            GROUP BY r.account, r.kind
        ) AS found USING (account, kind)
        WHERE kind NOT IN ('project', 'unknown')
          AND (coalesce(said.discovered, 0), coalesce(said.restored, 0),
               coalesce(said.deleted, 0))
           IS DISTINCT FROM (coalesce(found.discovered, 0), coalesce(found.restored, 0),
               coalesce(found.deleted, 0))""",
    "a resource is discovered once": """
        SELECT r.kind, r.provider_id, count(e.id) FROM cloud_resources AS r
        LEFT JOIN cloud_resource_events AS e ON e.resource_id = r.id AND e.event = 'discovered'
        GROUP BY r.id HAVING count(e.id) <> 1""",
    "deletions and restorations take turns": """
        SELECT resource_id, event, id FROM (
            SELECT resource_id, event, id,
                lag(event) OVER (PARTITION BY resource_id ORDER BY id) AS before
            FROM cloud_resource_events WHERE event IN ('discovered', 'deleted', 'restored')
        ) AS turns
        WHERE event = before OR (event = 'restored' AND before <> 'deleted')
           OR (event = 'deleted' AND before = 'deleted')""",
    "a resource is in one project at a time": """
        SELECT account, kind, provider_id, count(*) FROM cloud_project_memberships
        WHERE valid_to IS NULL AND listed_by = 'project'
        GROUP BY account, kind, provider_id HAVING count(*) > 1""",
    "each drift that opened has its event": """
        SELECT opened, found FROM
            (SELECT count(*) AS opened FROM cloud_drift) AS d,
            (SELECT count(*) AS found FROM cloud_resource_events
             WHERE event = 'drift_detected') AS e
        WHERE opened <> found""",
    "what detection runs say they opened and closed is what there is": """
        SELECT * FROM
            (SELECT coalesce(sum(opened), 0) AS opened, coalesce(sum(closed), 0) AS closed
             FROM cloud_drift_sweeps) AS said,
            (SELECT count(*) AS rows, count(*) FILTER (WHERE status = 'stale') AS stale
             FROM cloud_drift) AS found
        WHERE (said.opened, said.closed) IS DISTINCT FROM (found.rows, found.stale)""",
    "a closing has its statements, and they add up to it": """
        SELECT c.account, c.period, c.amount, s.amount, c.corrections, s.corrections
        FROM cloud_statement_closings AS c
        LEFT JOIN LATERAL (
            SELECT coalesce(sum(amount), 0) AS amount, coalesce(sum(corrections), 0) AS corrections
            FROM cloud_statements WHERE closing_id = c.id
        ) AS s ON true
        WHERE (c.amount, c.corrections) IS DISTINCT FROM (s.amount, s.corrections)""",
    "a statement has its lines, and they add up to it": """
        SELECT s.id, s.line_count, l.lines, s.total, l.total
        FROM cloud_statements AS s
        LEFT JOIN LATERAL (
            SELECT count(*) AS lines, coalesce(sum(amount), 0) AS total
            FROM cloud_statement_lines WHERE statement_id = s.id
        ) AS l ON true
        WHERE (s.line_count, s.total) IS DISTINCT FROM (l.lines, l.total)""",
    "what was stated of a whole month is what its invoices cost": """
        SELECT c.account, c.period, c.amount, i.amount FROM cloud_statement_closings AS c
        JOIN LATERAL (
            SELECT sum((invoice->>'amount')::numeric) AS amount
            FROM jsonb_array_elements(c.based_on) AS invoice
        ) AS i ON true
        WHERE c.not_whole IS NULL AND c.amount <> i.amount""",
    "what is allocated of a month is what its invoices cost": """
        SELECT a.account, a.period, a.amount, i.amount FROM (
            SELECT account, period, sum(amount) AS amount FROM cloud_cost_allocations GROUP BY 1, 2
        ) AS a JOIN (
            SELECT account, period, sum(amount) AS amount FROM cloud_invoices GROUP BY 1, 2
        ) AS i USING (account, period)
        WHERE a.amount <> i.amount AND :allocated""",
    "an alarm that is over was told at most once, and ended once": """
        SELECT a.id, d.channel, d.phase, count(*) FROM cloud_alarms AS a
        JOIN cloud_alarm_deliveries AS d ON d.alarm_id = a.id
        GROUP BY a.id, d.channel, d.phase HAVING count(*) > 1""",
    "of one thing at most one alarm is open": """
        SELECT key, count(*) FROM cloud_alarms WHERE closed_at IS NULL
        GROUP BY key HAVING count(*) > 1""",
}
"""By what must hold, the statement that finds where it does not."""


def contradictions(connection: sa.Connection, *, allocated: bool = False) -> list[str]:
    """Return what does not agree, a sentence each; none is what it should be.

    Args:
        connection: to the warehouse.
        allocated: whether the rules were applied after the last lines came.
    """
    found = []
    for rule, statement in RULES.items():
        parameters = {"allocated": allocated} if ":allocated" in statement else {}
        rows = connection.execute(sa.text(statement), parameters).all()
        found += [f"not true that {rule}: {tuple(row)}" for row in rows[:5]]
    return found + list(unfolded(connection))


def unfolded(connection: sa.Connection) -> Iterator[str]:
    """Yield the resources whose events, laid over each other, do not give their row."""
    states: dict[int, dict[str, Any]] = {}
    events = connection.execute(
        sa.text(
            "SELECT id, resource_id, changes FROM cloud_resource_events"
            " WHERE event <> 'drift_detected' ORDER BY id"
        ),
        execution_options={"stream_results": True},
    )
    for event in events:
        state = states.setdefault(event.resource_id, {})
        for name, change in event.changes.items():
            if name != "account" and state.get(name) != change["from"]:
                yield f"event {event.id} changes {name} from what it was not"
            state[name] = change["to"]
    rows = connection.execute(sa.text("SELECT * FROM cloud_resources ORDER BY id")).mappings()
    for row in rows:
        told = {k: v for k, v in states.pop(row["id"], {}).items() if v is not None}
        told.pop("account", None)
        for name in TIMES & told.keys():
            # The database leaves the last zeros of a fraction out.
            told[name] = datetime.fromisoformat(told[name])
        if told != (stored := _in_the_words_of_events(row)):
            names = sorted(k for k in told.keys() | stored.keys() if told.get(k) != stored.get(k))
            yield (
                f"the events of {row['kind']} {row['provider_id']} do not give its row: "
                f"{', '.join(names)}"
            )
    for resource in states:
        yield f"there are events of resource {resource}, and no row"


def _in_the_words_of_events(row: sa.RowMapping) -> dict[str, Any]:
    columns = {name: row[name] for name in (*COLUMNS, *TIMES, "project_id")}
    fields = row["attrs"] | columns | {"tags": row["tags"] or None}
    return {name: value for name, value in fields.items() if value is not None}
