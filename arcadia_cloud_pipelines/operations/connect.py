"""Connecting an account: try a token, and write it into the environment file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..digitalocean import Account, DigitalOcean
from ..settings import API_URL, Purpose, Settings, SettingsError, environment_file, load_settings
from ..settings.environment_file import small_file
from ..settings.secret import Secret, can_be_sent
from .doctor.findings import Finding, Verdict
from .doctor.tokens import check_scopes
from .errors import OperationsError
from .home import Home

TOKEN, ADDRESS = "DO_API_TOKEN", "DO_API_URL"


@dataclass(frozen=True)
class Place:
    """The file that a token will be written to, and what is there now."""

    path: Path
    settings: Settings
    """As they are without any token; `api_url` is where the token will be used."""
    token: Secret | None
    """The one that the file has."""
    other: tuple[str, ...]
    """Lines of the file that would stand beside the new token: paths and tokens of a purpose."""
    set_already: str | None
    """A variable of this shell that counts before the file."""


def find_place(environ: Mapping[str, str] | None = None) -> Place:
    """Return where the token goes. Nothing is made.

    The address of the API is the shell's DO_API_URL, else the file's, else DigitalOcean's.

    Raises:
        SettingsError: a variable or the file is unusable, or no file may be used.
    """
    env = dict(os.environ if environ is None else environ)
    path = environment_file.path_of(env)
    if path is None:
        raise SettingsError(
            f"{environment_file.VARIABLE} is empty, which means no environment file: unset it, or "
            "set it to the path of the file to write."
        )
    found = environment_file.read(path)
    set_already = sorted(name for name in env if name.startswith(TOKEN) and env[name].strip())
    address = env.get(ADDRESS, "").strip() or found.get(ADDRESS, "")
    plain = {name: value for name, value in env.items() if not name.startswith(TOKEN)}
    token = found.get(TOKEN)
    return Place(
        path=path,
        settings=load_settings({**plain, ADDRESS: address}),
        token=Secret(token) if token else None,
        other=tuple(sorted(n for n in found if n.startswith(TOKEN) and n != TOKEN)),
        set_already=set_already[0] if set_already else None,
    )


def read_token(source: Path) -> Secret:
    """Return the token in a file.

    Raises:
        OperationsError: there is none, or it cannot be read.
    """
    try:
        return usable(small_file(source), str(source))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OperationsError(
            f"The token file {source} cannot be read ({reason}): name a file that holds the token "
            "alone, or - for standard input."
        ) from None


def usable(text: str, place: str) -> Secret:
    """Return a text as a token.

    Args:
        text: as it was typed or read.
        place: where it is from, for the message.

    Raises:
        OperationsError: it is empty, or a header cannot carry it. It is not in the text.
    """
    token = Secret(text.strip())
    if not token.reveal() or not can_be_sent(token):
        problem = "holds white space or letters outside ASCII" if text.strip() else "is empty"
        raise OperationsError(
            f"The token from {place} {problem}: give the token alone, on one line. Tokens are made "
            "at https://cloud.digitalocean.com/account/api/tokens."
        )
    return token


@dataclass(frozen=True)
class Tried:
    """The abilities of a token."""

    account: Account
    problems: tuple[Finding, ...]
    """What it may not read, as `arcadia doctor` says it."""


def try_token(settings: Settings, token: Secret) -> Tried:
    """Ask the API whose account a token is of, and what it may read. Reads, and changes nothing.

    Raises:
        DigitalOceanError: the token is not valid, or the API does not answer.
    """
    with DigitalOcean(settings.api_url, token, timeout=(5, 20), attempts=2) as client:
        account = client.account()
        findings = check_scopes(client, "token", list(Purpose))
        return Tried(account, tuple(f for f in findings if f.state is Verdict.WRONG))


def write_token(place: Place, token: Secret) -> None:
    """Write the token, with the address that it is for, for its owner alone.

    Raises:
        OperationsError: the folder of local state cannot be used.
        SettingsError: the file cannot be written; it is as it was.
    """
    if place.path.parent == place.settings.home:
        Home(place.settings.home).make()
    values = {ADDRESS: place.settings.api_url or API_URL, TOKEN: token.reveal()}
    environment_file.write(place.path, values, without=(f"{TOKEN}_FILE",))
