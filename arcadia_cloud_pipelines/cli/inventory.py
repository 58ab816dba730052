"""`arcadia inventory`: status, confirm-loss."""

from __future__ import annotations

import click

from .output import echo, list_formats, print_objects, print_table


@click.group()
def inventory() -> None:
    """Look after the mirror of resources."""


@inventory.command()
@list_formats
def status(format_: str | None) -> None:
    """Show the newest sync of each kind."""
    from ..operations.status import KindStatus, newest_syncs
    from ..settings import load_settings
    from ..times import utc_now
    from ..warehouse.engine import open_warehouse

    syncs = newest_syncs(open_warehouse(load_settings()))
    if format_:
        print_objects(KindStatus, syncs, format_)
        return
    if not syncs:
        echo("Nothing was synced yet: `make up` does it every hour, `make demo` once.")
        return
    now = utc_now()
    print_table(
        ("kind", "newest sync (UTC)", "minutes ago", "complete", "rows", "problem"),
        [
            (
                sync.kind,
                f"{sync.started_at:%Y-%m-%d %H:%M}",
                f"{(now - sync.started_at).total_seconds() // 60:,.0f}",
                "yes" if sync.complete else "no",
                "" if sync.rows is None else f"{sync.rows:,}",
                sync.problem or "",
            )
            for sync in syncs
        ],
        right=("minutes ago", "rows"),
    )


@inventory.command("confirm-loss")
@click.argument("kind")
@click.option("--actor", help="Who says so; you by default.")
@click.option("--reason", help="Why, for those who read it later.")
def confirm_loss(kind: str, actor: str | None, reason: str | None) -> None:
    """Say that the loss of KIND that the newest sync found implausible is real."""
    from ..inventory.confirm import confirm_loss as confirm
    from ..settings import load_settings
    from ..times import utc_now
    from ..warehouse.engine import open_warehouse

    confirmation = confirm(
        open_warehouse(load_settings()),
        kind,
        actor=actor or _user(),
        reason=reason,
        now=utc_now(),
    )
    what = [f"{confirmation.missing:,} missing rows"] if confirmation.missing else []
    what += [f"empty {name}" for name in sorted(confirmation.withheld)]
    echo(
        f"Confirmed for {confirmation.kind}: {', '.join(what)}. Syncs until "
        f"{confirmation.valid_until:%Y-%m-%d %H:%M} UTC record it; three in a row that miss a "
        "resource delete it."
    )


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        import os

        return f"uid {os.getuid()}"
