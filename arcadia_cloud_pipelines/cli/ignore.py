"""Commands `arcadia drift ignore …`: rules that keep differences out of the inbox."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from .output import echo, list_formats, print_objects, print_table
from .surroundings import the_warehouse, user


@click.group()
def ignore() -> None:
    """Keep differences that nobody wants to hear of out of the inbox, until they expire."""


@ignore.command("add")
@click.option("--kind", default="*", help="A kind or a pattern; all by default.")
@click.option("--name", "name_pattern", default="*", help="A name or a pattern; all by default.")
@click.option("--field", default="*", help="A field or a pattern; all by default.")
@click.option("--owner", help="Who answers for it; you by default.")
@click.option("--reason", required=True, help="Why this is no drift.")
@click.option(
    "--expires", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"]), help="In UTC; 90 days on."
)
@click.option("--account", help="The team that it is about, where there are several.")
def add(
    kind: str, name_pattern: str, field: str, owner: str | None, reason: str,
    expires: datetime | None, account: str | None,
) -> None:  # fmt: skip
    """Make a rule."""
    from ..drift.ignore import add_rule

    rule = add_rule(
        the_warehouse(),
        owner=owner or user(),
        reason=reason,
        kind=kind,
        name_pattern=name_pattern,
        field=field,
        expires_at=None if expires is None else expires.replace(tzinfo=UTC),
        account=account,
    )
    echo(f"Ignored from the next detection run on: {rule}, until {rule.expires_at:%Y-%m-%d} UTC.")


@ignore.command("list")
@list_formats
def list_rules_(format_: str | None) -> None:
    """Show the rules, expired ones too."""
    from ..common.times import utc_now
    from ..drift.ignore import IgnoreRule, list_rules

    rules = list_rules(the_warehouse())
    if format_:
        print_objects(IgnoreRule, rules, format_)
        return
    if not rules:
        echo("There are no ignore rules.")
        return
    now = utc_now()
    print_table(
        ("id", "kind", "name", "field", "owner", "until (UTC)", "reason"),
        [
            (
                str(r.id), r.kind, r.name_pattern, r.field, r.owner,
                f"{r.expires_at:%Y-%m-%d %H:%M}" + (" EXPIRED" if r.expired(now) else ""), r.reason,
            )
            for r in rules
        ],
    )  # fmt: skip


@ignore.command("remove")
@click.argument("rule_id", metavar="ID", type=int)
@click.option("--actor", help="Who ends it; you by default.")
def remove(rule_id: int, actor: str | None) -> None:
    """End the rule ID; what it hid opens at the next sweep."""
    from ..drift.ignore import remove_rule

    remove_rule(the_warehouse(), rule_id, actor=actor or user())
    echo(f"Rule {rule_id} ignores nothing any more.")
