"""The environment file: variables of the deployment that are written down, such as the token.

`arcadia init` makes it, or a person does: lines of NAME=value as a shell reads them. It is
`.arcadia/env`, or what ARCADIA_ENV_FILE names; an empty ARCADIA_ENV_FILE reads none. The variables
of the process come first. It holds secrets, so only its owner may read it.
"""

from __future__ import annotations

import errno
import os
import re
import shlex
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "ARCADIA_ENV_FILE"
NAME = "env"
"""Of the file in the folder of local state."""
LARGEST = 64 * 1024
"""Bytes of a file that may hold a secret."""
API_URL = "https://api.digitalocean.com"
SPACES_ENDPOINT = "https://{region}.digitaloceanspaces.com"

_ALLOWED = re.compile(r"(DO|SPACES|ARCADIA)_[A-Z0-9_]+|DAGSTER_POSTGRES_URL(_FILE)?")
_NOT_HERE = ("ARCADIA_HOME", VARIABLE)


class SettingsError(Exception):
    """A setting is missing or unusable; the text names the variable and what to do."""


@dataclass(frozen=True)
class _Family:
    """Variables that belong together: an address, and the secrets that are sent there."""

    address: str
    default: str
    secrets: tuple[str, ...]
    """How their names begin."""


_FAMILIES = (
    _Family("DO_API_URL", API_URL, ("DO_API_TOKEN",)),
    _Family("SPACES_ENDPOINT", SPACES_ENDPOINT, ("SPACES_ACCESS_KEY", "SPACES_SECRET_ACCESS")),
)


def checkout() -> Path:
    """The folder that holds `dagster.yaml` and `.arcadia`.

    The checkout for an editable install, else the working directory.
    """
    parent = Path(__file__).resolve().parent.parent.parent
    return parent if (parent / "pyproject.toml").is_file() else Path.cwd()


def home_of(environ: Mapping[str, str]) -> Path:
    """Return the folder of local state."""
    home = environ.get("ARCADIA_HOME", "").strip()
    return Path(home).expanduser().resolve() if home else checkout() / ".arcadia"


def path_of(environ: Mapping[str, str]) -> Path | None:
    """Return where the environment file is, or would be; None where none is to be read."""
    path = environ.get(VARIABLE)
    if path is None:
        return home_of(environ) / NAME
    return Path(path.strip()).expanduser().absolute() if path.strip() else None


def with_file(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the process, and those of the file that it does not set.

    NAME and NAME_FILE are one setting. A secret of the file goes only to the address that the file
    has for it: where the process sets a token, the file's token and address count for nothing.

    Raises:
        SettingsError: the file cannot be used, or the process sets another address for its secrets.
    """
    path = path_of(environ)
    if path is None:
        return dict(environ)
    found = read(path, required=VARIABLE in environ)
    for family in _FAMILIES:
        found = _of_one_place(family, path, found, environ)
    own = {name.removesuffix("_FILE") for name in environ}
    return {
        **{name: value for name, value in found.items() if name.removesuffix("_FILE") not in own},
        **environ,
    }


def environment() -> dict[str, str]:
    """Return the variables of this process, and those of the environment file below them.

    Raises:
        SettingsError: the file cannot be used.
    """
    return with_file(os.environ)


def named_variables(
    names: Iterable[str], environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the variables of these names that are set, for a program of somebody else's."""
    env = environment() if environ is None else environ
    return {name: env[name] for name in names if name in env}


def _of_one_place(
    family: _Family, path: Path, found: Mapping[str, str], environ: Mapping[str, str]
) -> dict[str, str]:
    """Return the file's variables without a secret for the process's address, or the reverse."""
    if any(name.startswith(family.secrets) for name in environ):
        return {
            name: value
            for name, value in found.items()
            if name != family.address and not name.startswith(family.secrets)
        }
    wanted = environ.get(family.address, "").strip().rstrip("/")
    known = (found.get(family.address, "").strip() or family.default).rstrip("/")
    secrets = sorted(name for name in found if name.startswith(family.secrets))
    if secrets and wanted and wanted.lower() != known.lower():
        raise SettingsError(
            f"{secrets[0]} in {path} is for {known}, but {family.address} names another address: "
            f"unset {family.address}, or set {secrets[0]} beside it."
        )
    return dict(found)


def read(path: Path, *, required: bool = False) -> dict[str, str]:
    """Return the variables of an environment file.

    Args:
        path: of the file.
        required: whether it is an error that there is none.

    Raises:
        SettingsError: others may read it, or a line is wrong; no value is in the text.
    """
    try:
        _check_private(path)
    except FileNotFoundError:
        if not required:
            return {}
        raise SettingsError(
            f"{VARIABLE} names {path}, which does not exist: correct the path, or unset the "
            "variable."
        ) from None
    except OSError as error:
        # In another user's folder: whoever uses the folder says so.
        if error.errno == errno.EACCES and not required:
            return {}
        raise _unusable(path, error) from None
    try:
        lines = small_file(path).split("\n")
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if (pair := _pair(line, f"{path}, line {number}")) is None:
            continue
        if pair[0] in found:
            raise SettingsError(f"{path}, line {number}: {pair[0]} is there twice: remove one.")
        found[pair[0]] = pair[1]
    return found


def _unusable(path: Path, error: Exception) -> SettingsError:
    reason = getattr(error, "strerror", None) or str(error)
    return SettingsError(
        f"The environment file {path} cannot be read ({reason}): correct it, or remove it and run "
        "`arcadia init`."
    )


def _check_private(path: Path) -> None:
    found = path.stat()
    if found.st_uid not in (os.geteuid(), 0) or found.st_mode & 0o077:
        raise SettingsError(
            f"The environment file {path} holds secrets, and others than you may read or write it: "
            f"run `chmod 600 {shlex.quote(str(path))}`, as its owner."
        )


def _pair(line: str, place: str) -> tuple[str, str] | None:
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        words = ["", ""]
    words = words[1:] if words[:1] == ["export"] else words
    if not words:
        return None
    name, equals, value = words[0].partition("=")
    if len(words) > 1 or not equals:
        raise SettingsError(f"{place}: write NAME=value, a value with blanks or # in '…'.")
    if not _ALLOWED.fullmatch(name) or name in _NOT_HERE:
        # The name is not shown: it may be a token, pasted into the wrong place.
        raise SettingsError(
            f"{place}: this is not a variable for the file, which takes DO_…, SPACES_…, ARCADIA_… "
            "(not ARCADIA_HOME) and DAGSTER_POSTGRES_URL: remove the line."
        )
    return name, value


def small_file(path: str | Path) -> str:
    """Return the text of a small file; never wait for one that is something else.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is not an ordinary file, is too large, or is not text.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is not an ordinary file")
        return small_text(file.read(LARGEST + 1))


def small_text(content: bytes) -> str:
    """Return bytes as text without white space around it.

    Raises:
        ValueError: there are more than a secret has, or they are not text.
    """
    if len(content) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST // 1024} KiB, so it is not a secret")
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
    if "\0" in text:
        raise ValueError("it is not text: it holds zero bytes")
    return text


def write(path: Path, values: Mapping[str, str], without: tuple[str, ...] = ()) -> None:
    """Put variables into an environment file; its other lines stay.

    A reader sees the old file or the new, never a half of one, and nobody but the owner sees any.

    Args:
        path: of the file; its folder is there.
        values: by name.
        without: names whose lines go.

    Raises:
        SettingsError: it cannot be written; the old file is as it was.
    """
    gone = {*values, *without}
    kept: list[str] = []
    if path.exists():
        kept = [
            line
            for line in small_file(path).split("\n")
            if (pair := _pair(line, str(path))) is None or pair[0] not in gone
        ]
    text = "\n".join([*kept, *(f"{name}={shlex.quote(value)}" for name, value in values.items())])
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.unlink(missing_ok=True)
        # A file of our own making: nobody can have put a link there to follow.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            # On the disk before it takes the old one's place: a power loss leaves one of them
            # whole.
            os.fsync(descriptor)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise SettingsError(
            f"The environment file {path} cannot be written ({error.strerror}), so nothing was "
            "changed: make its folder writable, or free some disk space."
        ) from None
