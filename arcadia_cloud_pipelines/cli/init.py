"""`arcadia init`: connect an account."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..common import foreign_text
from .output import echo

if TYPE_CHECKING:
    from ..operations.connect import Place, Tried
    from ..settings.secret import Secret


@click.command()
@click.option(
    "--token-file", type=click.Path(path_type=Path, allow_dash=True), metavar="FILE",
    help="Take the token from this file, or from standard input (-), instead of asking for it.",
)  # fmt: skip
@click.option("--yes", "-y", is_flag=True, help="Answer yes to every question but the last.")
@click.option(
    "--start/--no-start", default=None,
    help="Run `arcadia up` afterwards, which reads the account at once. Asked when not given.",
)  # fmt: skip
def init(token_file: Path | None, yes: bool, start: bool | None) -> None:
    """Connect a DigitalOcean account: try a token and write it into the environment file.

    The file is `.arcadia/env`, readable by you alone. You can write it yourself instead, or set
    DO_API_TOKEN: variables that are set come before the file.
    """
    from ..digitalocean import DigitalOceanError
    from ..operations.connect import find_place, try_token, write_token

    place = find_place()
    token = _token(token_file)
    echo(f"asking {place.settings.api_url} what the token may read …")
    try:
        tried = try_token(place.settings, token)
    except DigitalOceanError as error:
        raise click.ClickException(f"{foreign_text.line(error)} Nothing was written.") from None
    _show(tried)
    if not _wants_to_write(place, token, tried, yes):
        raise click.ClickException(
            f"Nothing was written to {place.path}: run the command again to change your mind."
        )
    write_token(place, token)
    echo(f"wrote {place.path}, readable by you alone", mark=_mark(ok=True))
    if place.set_already is not None:
        echo(f"{place.set_already} is set in this shell and comes before the file: unset it",
             mark=_mark(ok=False))  # fmt: skip
    for name in place.other:
        if name != "DO_API_TOKEN_FILE":
            echo(f"{name} is in the file, too, and stays: remove its line if it is of another team",
                 mark=_mark(ok=False))  # fmt: skip
    _offer_to_start(place, yes, start)


def _token(file: Path | None) -> Secret:
    from ..operations.connect import read_token, usable
    from ..operations.errors import OperationsError
    from ..settings.environment_file import LARGEST, small_text

    if file is not None and str(file) != "-":
        return read_token(file)
    if file is not None:
        try:
            return usable(small_text(sys.stdin.buffer.read(LARGEST + 1)), "standard input")
        except ValueError as error:
            raise OperationsError(
                f"The token from standard input cannot be used ({error}): give the token alone."
            ) from None
    if not sys.stdin.isatty():
        raise click.UsageError(
            "There is no terminal to ask for the token: give it with --token-file FILE, or with "
            "--token-file - on standard input."
        )
    typed = click.prompt(
        "DigitalOcean token (it is not shown)", hide_input=True, default="", show_default=False
    )
    return usable(typed, "the terminal")


def _show(tried: Tried) -> None:
    account = tried.account
    echo(f"valid, account {account.name or account.uuid}", mark=_mark(ok=True))
    for finding in tried.problems:
        echo(f"{finding.subject}: {finding.text}", mark=_mark(ok=False))
        echo(f"    → {finding.remedy}")
    if not tried.problems:
        echo("it may read everything that is mirrored", mark=_mark(ok=True))


def _wants_to_write(place: Place, token: Secret, tried: Tried, yes: bool) -> bool:
    if tried.problems and not _agree(
        "The token may not read all that can be mirrored. What it may not read is marked as not "
        "available; everything else is read. Use this token?",
        yes,
    ):
        return False
    if place.token is None and "DO_API_TOKEN_FILE" not in place.other:
        return True
    same = place.token is not None and place.token.reveal() == token.reveal()
    what = "has this token already" if same else "has another token"
    return _agree(f"{place.path} {what}. Replace it?", yes)


def _agree(question: str, yes: bool) -> bool:
    if yes:
        echo(f"{question} Yes (--yes).")
        return True
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"{question} There is no terminal to ask: run it again with --yes to agree."
        )
    return click.confirm(question, default=False)


def _offer_to_start(place: Place, yes: bool, start: bool | None) -> None:
    from ..operations.home import Home

    if Home(place.settings.home).in_use():
        echo("`arcadia up` is running: stop it and start it again, so that it uses the token")
        return
    if start is None and not yes and sys.stdin.isatty():
        start = click.confirm(
            "Start everything now? The account is read at once, as by `make up`.", default=True
        )
    if not start:
        echo("next: `make up` reads the account at once, and then every hour")
        return
    from ..operations.deployment import up
    from ..settings import load_settings
    from .up import say

    up(load_settings(), say=say)


def _mark(*, ok: bool) -> str:
    return click.style("✓ " if ok else "✗ ", fg="green" if ok else "red")
