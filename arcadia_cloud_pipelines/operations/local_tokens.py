"""Tokens for the HTTP API of a demo: signed here, with a secret that exists for it alone.

Where an account or a token issuer is real, nothing here works: those tokens come from Guardian.
"""

from __future__ import annotations

import getpass
import os
import secrets
import stat
from datetime import datetime, timedelta
from pathlib import Path

import jwt

from ..settings import Settings
from ..settings.secret import Secret
from ..settings.values import is_loopback
from .errors import OperationsError
from .home import Home

ALGORITHM = "HS512"
LONGEST = timedelta(hours=12)
_BYTES = 64


def why_no_local_token(settings: Settings) -> str | None:
    """Return why no token may be signed on this machine; None where the demo's may."""
    if settings.jwt_secrets:
        return "ARCADIA_JWT_SECRET is set, so tokens come from whoever holds that secret (Guardian)"
    if settings.has_account:
        return "a DigitalOcean token is set, so the data are a real account's, not the simulator's"
    if not is_loopback(settings.api_host):
        return f"the API listens on {settings.api_host}, where other machines could use the token"
    return None


def make_secret(settings: Settings, home: Home) -> Path | None:
    """Make the demo's secret, for its owner alone; None where no token may be signed.

    Raises:
        OperationsError: there is such a file already, and others may read or write it.
    """
    if why_no_local_token(settings) is not None:
        return None
    path = home.api_secret
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        _read(path)
        return path
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(_BYTES))
    return path


def sign(
    settings: Settings, home: Home, *, tenant: str | None, lifetime: timedelta, now: datetime
) -> str:
    """Return a token that the API of `arcadia up` with the simulator takes.

    Args:
        settings: say whether this is a demo.
        home: where its secret is.
        tenant: whose rows it may see; everything, and decide, when None.
        lifetime: at most `LONGEST`.
        now: when it begins.

    Raises:
        OperationsError: this is no demo, or none was started yet.
    """
    if (reason := why_no_local_token(settings)) is not None:
        raise OperationsError(
            f"`arcadia api token` is only for the simulator, and {reason}: ask the issuer for a "
            "token."
        )
    if not home.api_secret.exists():
        raise OperationsError(
            f"The simulator was never started in {home.path}: run `make up` without DO_API_TOKEN, "
            "and repeat the command while it runs."
        )
    claims = {
        "iss": settings.jwt_issuer,
        "typ": "access",
        "sub": f"{getpass.getuser()} (local demo)",
        "nbf": int(now.timestamp()),
        "exp": int((now + min(lifetime, LONGEST)).timestamp()),
    }
    if settings.jwt_audience is not None:
        claims["aud"] = settings.jwt_audience
    claims |= {"role": "platform_admin"} if tenant is None else {"tenant_id": tenant}
    return jwt.encode(claims, _read(home.api_secret).reveal(), ALGORITHM)


def _read(path: Path) -> Secret:
    """Return the secret in a file that nobody else may read or have written.

    Raises:
        OperationsError: others may; the text says what to do.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise OperationsError(
            f"The file {path} cannot be read ({error.strerror}): remove it, and start `make up` "
            "again."
        ) from None
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        private = found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077
        text = file.read(4 * _BYTES) if stat.S_ISREG(found.st_mode) else b""
    if not private or len(text) < _BYTES:
        raise OperationsError(
            f"{path} can be read or written by other users, or is too short: remove it, and "
            "start `make up` again, which makes a new one."
        )
    return Secret(text.decode("ascii", "replace").strip())
