"""`arcadia drift`: list, show, accept, ignore."""

from __future__ import annotations

from typing import Any

import click

from ..common import foreign_text
from .ignore import ignore
from .output import echo, list_formats, print_objects, print_table
from .surroundings import the_warehouse, user


@click.group()
def drift() -> None:
    """Look through what differs from its spec, and decide on it."""


drift.add_command(ignore)


@drift.command("list")
@click.option("--all", "everything", is_flag=True, help="Resolved records too.")
@click.option("--kind", help="Only this kind, such as droplet.")
@click.option(
    "--severity",
    type=click.Choice(["warning", "error", "critical"]),
    help="Only what is as bad as this.",
)
@list_formats
def list_drift_command(
    everything: bool, kind: str | None, severity: str | None, format_: str | None
) -> None:
    """Show the inbox: one line for each field that differs."""
    from ..common.severity import Severity
    from ..drift.inbox import DriftRecord, list_drift

    opened = the_warehouse()
    status = None if everything else "open"
    found = list_drift(
        opened,
        status=status,
        kind=kind,
        severity=None if severity is None else Severity(severity),
        limit=None,
    )
    # Rows of an earlier release may have a kind that this one does not know.
    if kind is not None and not found and not list_drift(opened, status=None, kind=kind, limit=1):
        check_kind(kind)
    if format_:
        print_objects(DriftRecord, found, format_)
        return
    if not found:
        echo("Nothing differs from its spec.")
        return
    print_table(
        ("id", "severity", "kind", "name", "field", "desired", "actual", "since (UTC)", "status"),
        [
            (
                str(d.id), d.severity or "–", d.kind, d.name or d.provider_id, *d.shown,
                f"{d.detected_at:%Y-%m-%d %H:%M}", d.status,
            )
            for d in found
        ],
    )  # fmt: skip


@drift.command("show")
@click.argument("drift_id", metavar="ID", type=int)
def show_drift_command(drift_id: int) -> None:
    """Show one record, what is live now, and what was decided."""
    from ..drift.inbox import get_drift
    from ..drift.words import value_text

    record, decisions = get_drift(the_warehouse(), drift_id)
    field, desired, actual = record.shown
    lines = {
        "resource": f"{record.kind} {record.name or ''} ({record.provider_id})",
        "field": field,
        "desired": desired,
        "actual": actual,
        "live now": value_text(record.field, record.live),
        "severity": record.severity or "not judged",
        "status": record.status,
        "detected": f"{record.detected_at:%Y-%m-%d %H:%M} UTC",
        "last moved": f"{record.changed_at:%Y-%m-%d %H:%M} UTC",
    }
    if record.successor is not None:
        lines["recreated as"] = record.successor
    if record.resolved_at is not None:
        lines["resolved"] = (
            f"{record.resolved_at:%Y-%m-%d %H:%M} UTC by {record.resolved_by}: {record.resolution}"
        )
    for name, text in lines.items():
        echo(f"{name:14}{text}")
    for decision in decisions:
        echo(
            f"{decision['decided_at']:%Y-%m-%d %H:%M} UTC {decision['decision']} by "
            f"{decision['actor']}: {value_text(record.field, decision['before'])} → "
            + value_text(record.field, decision["after"])
            + (f" ({decision['reason']})" if decision["reason"] else "")
        )


@drift.command()
@click.argument("drift_id", metavar="ID", type=int)
@click.option("--actor", help="Who accepts; you by default.")
@click.option("--reason", help="Why, for those who read it later.")
@click.option("--expect", help="The live value that you saw, as JSON; the record's by default.")
def accept_command(
    drift_id: int, actor: str | None, reason: str | None, expect: str | None
) -> None:
    """Make the live value of the open record ID the desired one."""
    from ..drift.accept import SHOWN, accept
    from ..drift.words import accepted_text

    accepted = accept(
        the_warehouse(),
        drift_id,
        actor=actor or user(),
        reason=reason,
        expected_actual=SHOWN if expect is None else json_value(expect),
    )
    echo(
        f"Accepted drift {accepted.id} as {accepted.accepted_by}: "
        f"{accepted_text(accepted.field, accepted.after)} (spec version {accepted.spec_version})."
    )


def check_kind(kind: str) -> None:
    """Refuse a kind that is none, so that a misspelt one does not look like one without rows.

    Raises:
        UsageError: it names near ones.
    """
    from ..inventory.kind_names import unknown_kind

    problem = unknown_kind(kind)
    if problem is not None:
        raise click.UsageError(f"{foreign_text.line(kind[:64])} {problem}.")


def json_value(text: str) -> Any:
    """A value as JSON; what is none is a text."""
    import json

    try:
        return json.loads(text)
    except ValueError:
        return text
