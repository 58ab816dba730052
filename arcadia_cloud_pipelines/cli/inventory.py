"""`arcadia inventory`: status, confirm-loss, void-sync, retire-account."""

from __future__ import annotations

import click

from .output import echo, list_formats, print_objects, print_table
from .surroundings import the_warehouse, user


@click.group()
def inventory() -> None:
    """Look after the mirror of resources."""


@inventory.command()
@list_formats
def status(format_: str | None) -> None:
    """Show the newest sync of each kind, and accounts that are not listed any more."""
    from ..inventory.accounts import foreign_rows, stale_accounts
    from ..inventory.status import KindStatus, newest_syncs

    warehouse = the_warehouse()
    syncs = newest_syncs(warehouse)
    if format_:
        print_objects(KindStatus, syncs, format_)
        return
    if not syncs:
        echo("Nothing was synced yet: `make up` does it every hour, `make demo` once.")
        return
    now = warehouse.now()
    several = len({sync.account for sync in syncs}) > 1
    print_table(
        (
            *(("account",) if several else ()),
            "kind",
            "sync",
            "newest sync (UTC)",
            "minutes ago",
            "complete",
            "rows",
            "problem",
        ),
        [
            (
                *((sync.account or "",) if several else ()),
                sync.kind,
                str(sync.id),
                f"{sync.started_at:%Y-%m-%d %H:%M}",
                f"{(now - sync.started_at).total_seconds() // 60:,.0f}",
                "yes" if sync.complete else "no",
                "" if sync.rows is None else f"{sync.rows:,}",
                sync.problem or "",
            )
            for sync in syncs
        ],
        right=("sync", "minutes ago", "rows"),
    )
    for told in (*stale_accounts(warehouse), *foreign_rows(warehouse)):
        echo(f"{told}.")


@inventory.command("confirm-loss")
@click.argument("kind")
@click.option("--actor", help="Who says so; you by default.")
@click.option("--reason", help="Why, for those who read it later.")
@click.option("--account", help="Whose loss it is, where several accounts are mirrored.")
def confirm_loss_command(
    kind: str, actor: str | None, reason: str | None, account: str | None
) -> None:
    """Say that the loss of KIND that the newest sync found implausible is real."""
    from ..inventory.confirm import confirm_loss
    from ..inventory.freshness import mirrored_accounts

    warehouse = the_warehouse()
    accounts = mirrored_accounts(warehouse)
    if account is None and len(accounts) > 1:
        raise click.UsageError(
            f"Several accounts are mirrored: give --account, one of {', '.join(accounts)}."
        )
    confirmation = confirm_loss(
        warehouse,
        kind,
        actor=actor or user(),
        reason=reason,
        now=warehouse.now(),
        account=account,
    )
    what = [f"{confirmation.missing:,} missing rows"] if confirmation.missing else []
    what += [f"empty {name}" for name in sorted(confirmation.withheld)]
    echo(
        f"Confirmed for {confirmation.kind}: {', '.join(what)}. Syncs until "
        f"{confirmation.valid_until:%Y-%m-%d %H:%M} UTC record it; three in a row that miss a "
        "resource delete it."
    )


@inventory.command("void-sync")
@click.argument("sync_id", metavar="ID", type=int)
@click.option("--actor", help="Who says so; you by default.")
@click.option("--reason", help="Why, for those who read it later.")
def void_sync_command(sync_id: int, actor: str | None, reason: str | None) -> None:
    """Let the sync ID count for nothing, as one that a wrong clock dated in the future.

    `arcadia inventory status` shows the numbers. The row stays and says who voided it.
    """
    from ..inventory.void import void_sync

    warehouse = the_warehouse()
    voided = void_sync(warehouse, sync_id, actor=actor or user(), reason=reason)
    echo(
        f"The sync {voided.id} of {voided.kind}, dated {voided.started_at:%Y-%m-%d %H:%M} UTC, "
        "counts for nothing. The next sync of the kind puts right what it recorded."
    )


@inventory.command("retire-account")
@click.argument("account")
@click.option("--actor", help="Who says so; you by default.")
@click.option("--reason", help="Why, for those who read it later.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def retire_account_command(account: str, actor: str | None, reason: str | None, yes: bool) -> None:
    """Mark all that is live of ACCOUNT as deleted: nobody lists it any more.

    For what moved to another team and what was of a token that is not used any more. `arcadia
    inventory status` names such accounts. What another account lists later becomes that one's.
    """
    from ..digitalocean.accounts import accounts_of
    from ..inventory.accounts import retire_account
    from ..settings import load_settings
    from ..settings.teams import read_teams
    from ..warehouse.engine import open_warehouse

    if not yes:
        click.confirm(f"Mark everything of account {account} as deleted?", abort=True)
    settings = load_settings()
    warehouse = open_warehouse(settings)
    teams = read_teams(settings)
    said = {name: team.settings.expected_account for name, team in teams.items()}
    known = accounts_of(warehouse, teams) | {name: of for name, of in said.items() if of}
    retired = retire_account(warehouse, account, actor=actor or user(), reason=reason, teams=known)
    echo(
        f"Retired account {retired.account}: {retired.resources:,} resources and "
        f"{retired.projects:,} projects count as deleted."
    )
