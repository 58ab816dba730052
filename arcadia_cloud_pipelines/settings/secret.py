"""Texts that must not be shown, such as tokens, and how they are read from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .environment_file import SettingsError, environment, small_file


@dataclass(frozen=True)
class Secret:
    """A text that must not be shown. Only `reveal` gives it out, at the point of use."""

    _value: str

    def reveal(self) -> str:
        """The secret itself. Call it where it leaves the process, never to build a message."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret is not pickled: read it from settings where it is needed")


class UnreadableSecret(Secret):
    """A secret that is set and cannot be read: an error of whoever needs it, of nobody else."""

    def reveal(self) -> str:
        """Never return.

        Raises:
            SettingsError: always; the text names the variable and the file.
        """
        raise SettingsError(self._value)


def read_secret(environ: Mapping[str, str], name: str) -> Secret | None:
    """The secret in variable `name`, or in the file that `name_FILE` gives the path of."""
    value = environ.get(name, "").strip()
    if value:
        return Secret(value)
    path = environ.get(f"{name}_FILE", "").strip()
    if not path:
        return None
    try:
        value = small_file(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return UnreadableSecret(
            f"{name}_FILE names {path}, which cannot be read ({reason}): correct the path or the "
            "file"
        )
    if not value:
        return UnreadableSecret(
            f"{name}_FILE names {path}, which is empty: write the secret into it"
        )
    return Secret(value)


def check_token(name: str, token: Secret, environ: Mapping[str, str]) -> Secret:
    """Refuse what could never be sent in a header, without showing it."""
    if isinstance(token, UnreadableSecret):
        return token
    if not environ.get(name, "").strip() and not can_be_sent(token):
        return UnreadableSecret(
            f"{name}_FILE: {environ[f'{name}_FILE'].strip()} holds white space or letters outside "
            "ASCII: write the token alone, on one line"
        )
    if not can_be_sent(token):
        raise SettingsError(
            f"{name} holds white space or letters outside ASCII: paste the token alone, on one line"
        )
    return token


def can_be_sent(token: Secret) -> bool:
    """Return whether a header takes it: ASCII without white space."""
    return token.reveal().isascii() and not any(c.isspace() for c in token.reveal())


def named_secret(name: str, environ: Mapping[str, str] | None = None) -> Secret:
    """Return the secret of a variable that a reviewed file names, or of its `_FILE`.

    Raises:
        SettingsError: it is not set, or its file cannot be read.
    """
    secret = read_secret(environment() if environ is None else environ, name)
    if secret is None:
        raise SettingsError(f"{name} is not set: set it, or {name}_FILE to the path of a file")
    if isinstance(secret, UnreadableSecret):
        secret.reveal()
    return secret
