"""The entry of one team in the file that ARCADIA_ACCOUNTS names, and the secrets that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from ..common.redaction import masked
from . import Purpose, SettingsError
from .reviewed_files import ReviewedFileError, read_text
from .secret import Secret, UnreadableSecret, check_token, read_secret

_ACCOUNT = re.compile(r"[0-9a-f]{40}")
_VARIABLE = r"[A-Z_][A-Z0-9_]{0,127}"
_QUOTED_NAME = re.compile(rf"""["']({_VARIABLE})["']""")


class _Strict(BaseModel):
    # What was written is kept out of errors: it may be a token in the wrong place.
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class _File(_Strict):
    file: Annotated[str, StringConstraints(min_length=1, max_length=4096)]


_Reference = _File | Annotated[str, StringConstraints(pattern=rf"^{_VARIABLE}$")]
"""A variable by its name, or a file: `{ file = "/run/secrets/acme" }`."""


class _Spaces(_Strict):
    access_key_id: _Reference
    secret_access_key: _Reference
    regions: list[Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$")]] = []


class TeamEntry(_Strict):
    """One table of the file."""

    account: Annotated[str, StringConstraints(pattern=rf"^{_ACCOUNT.pattern}$")] | None = None
    token: _Reference | None = None
    tokens: dict[Purpose, _Reference] = {}
    spaces: _Spaces | None = None
    project_name: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None


def place_of_secret(reference: _File | str | None) -> str:
    """Return where a secret stands: the name of a variable, or a path."""
    return reference.file if isinstance(reference, _File) else str(reference)


def secret_of_team(reference: _File | str, where: str, environ: Mapping[str, str]) -> Secret:
    """Return the secret that an entry names; one that cannot be read is an error of its use."""
    if isinstance(reference, _File):
        environ, name = {"FILE_FILE": reference.file}, "FILE"
    else:
        name = reference
    try:
        secret = read_secret(environ, name)
        if secret is not None:
            secret = check_token(name, secret, environ)
    except SettingsError as error:
        return UnreadableSecret(f"{where}: {error}")
    if secret is None:
        return UnreadableSecret(f"{where}: the variable {name} is not set, nor {name}_FILE")
    if isinstance(secret, UnreadableSecret):
        return UnreadableSecret(f"{where}: {_reason(secret).replace('FILE_FILE', 'its entry', 1)}")
    return secret


def _reason(secret: UnreadableSecret) -> str:
    try:
        secret.reveal()
    except SettingsError as error:
        return str(error)
    return ""


def entry_problems(error: ValidationError) -> Iterator[str]:
    """Yield what is wrong, without what was written: it may be a token in the wrong place."""
    for one in error.errors(include_input=False, include_url=False):
        keys = [str(part) for part in one["loc"] if not str(part).startswith(("_File", "constr"))]
        key = ".".join(keys).removesuffix(".file") or "the entry"
        if one["type"] == "extra_forbidden":
            yield f"{masked(key[:60])} is not a setting of a team"
        elif key.partition(".")[0] == "account":
            yield "account is not 40 hex digits without dashes, as `arcadia doctor` shows them"
        elif key.partition(".")[0] in ("token", "tokens", "spaces"):
            yield (
                f"{key[:60]} must name a variable in capitals, or a file: "
                '{ file = "/run/secrets/acme" }; a secret itself must not stand there'
            )
        else:
            yield f"{key[:60]}: {one['msg']}"


def named_account(entry: object) -> str | None:
    """Return the account that an entry names, also where the rest of it cannot be used."""
    said = entry.get("account") if isinstance(entry, dict) else None
    return said if isinstance(said, str) and _ACCOUNT.fullmatch(said) else None


def variables_of_teams(path: str) -> frozenset[str]:
    """Return the variables that a file of teams names: secrets, whatever they are called.

    Every text in it that reads as a variable's name is one. A mistake beside it, or one that keeps
    the whole file from being read as TOML, is no reason to hand the secret around.
    """
    try:
        text = read_text(Path(path).expanduser(), "ARCADIA_ACCOUNTS")
    except ReviewedFileError:
        return frozenset()
    return frozenset(_QUOTED_NAME.findall(text))
