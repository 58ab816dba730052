"""Tokens of callers: verified here, never issued.

HS512 alone, with the secret that Guardian signs with. RFC 7519 (claims), RFC 7518 section 3.2 (the
key is at least as long as the hash), RFC 8725 (one algorithm, the type checked).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt

from ..secret import Secret
from ..settings import SettingsError
from ..times import Clock

ALGORITHM = "HS512"
KEY_BYTES = 64
"""The shortest secret that HS512 deserves."""
TOKEN_BYTES = 8 * 1024
LEEWAY = 30.0
"""Seconds that the issuer's clock may be off by."""
ADMIN = "platform_admin"
_TENANT_LETTERS = 255

# Everything but the signature is checked below, against a clock that tests can move.
_SIGNATURE_ALONE: Any = {
    "verify_signature": True,
    **dict.fromkeys(
        ("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss", "verify_sub",
         "verify_jti"),
        False,
    ),
}  # fmt: skip


class InvalidToken(Exception):
    """The token is not to be trusted; the text says why and never shows it."""


class NoAccess(Exception):
    """The token is good, and says nothing that gives access."""


@dataclass(frozen=True)
class Caller:
    """The caller, as the token says."""

    subject: str | None
    """`sub`; what acts are recorded under. None: it may look, and not act."""
    tenant: str | None
    """Whose rows it may see; None for all."""
    accounts: frozenset[str] | None = None
    """The teams whose rows it may see, by their accounts; None for all."""

    @property
    def is_admin(self) -> bool:
        """Say if it sees everything."""
        return self.tenant is None


def check_secrets(secrets: Sequence[Secret]) -> None:
    """Refuse a secret that is shorter than the algorithm deserves.

    Raises:
        SettingsError: it says how long it has to be.
    """
    for secret in secrets:
        size = len(secret.reveal().encode())
        if size < KEY_BYTES:
            raise SettingsError(
                f"ARCADIA_JWT_SECRET (or ARCADIA_JWT_SECRET_PREVIOUS) has {size} bytes; "
                f"{ALGORITHM} needs {KEY_BYTES} or more. Make one with `openssl rand -hex 64` "
                "and give the same to the token issuer."
            )


class Verifier:
    """Turns a token into the caller it stands for."""

    def __init__(
        self, secrets: Sequence[Secret], issuer: str, clock: Clock, audience: str | None = None
    ) -> None:
        """Take the secrets; any of them will do, so that they can be rotated.

        Args:
            secrets: what tokens may be signed with.
            issuer: whose tokens they are.
            clock: for their times.
            audience: for whom they have to be, where they say it; for the issuer when None.

        Raises:
            SettingsError: one is shorter than the algorithm deserves.
        """
        check_secrets(secrets)
        self._secrets = tuple(secrets)
        self._issuer = issuer
        self._audience = audience or issuer
        self._clock = clock

    @property
    def has_secret(self) -> bool:
        """Say if any token can be verified at all."""
        return bool(self._secrets)

    def caller(self, token: str) -> Caller:
        """The caller that a token stands for.

        Raises:
            InvalidToken: signature, algorithm, times, issuer, audience or type are not right.
            NoAccess: it carries neither the role platform_admin nor a tenant, or no account.
        """
        if not self._secrets:
            raise InvalidToken(
                "this server cannot verify any token, because ARCADIA_JWT_SECRET is not set"
            )
        if len(token) > TOKEN_BYTES:
            raise InvalidToken(f"the token is longer than {TOKEN_BYTES} bytes")
        claims = self._verified(token)
        self._check_times(claims)
        if claims.get("iss") != self._issuer:
            raise InvalidToken("the token is from another issuer")
        if "aud" in claims and self._audience not in _texts(claims["aud"]):
            raise InvalidToken("the token is for another audience")
        if claims.get("typ") != "access":
            raise InvalidToken("the token is not an access token")
        return _caller(claims)

    def _verified(self, token: str) -> dict[str, Any]:
        for secret in self._secrets:
            try:
                return jwt.decode(
                    token, secret.reveal(), algorithms=[ALGORITHM], options=_SIGNATURE_ALONE
                )
            except jwt.InvalidSignatureError:
                continue
            except jwt.InvalidAlgorithmError:
                raise InvalidToken(f"the token is not signed with {ALGORITHM}") from None
            except (jwt.InvalidTokenError, ValueError, RecursionError):
                raise InvalidToken("the token is malformed") from None
        raise InvalidToken("the token's signature is wrong")

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._clock().timestamp()
        expires = _seconds(claims, "exp")
        if expires is None:
            raise InvalidToken("the token has no exp")
        if now >= expires + LEEWAY:
            raise InvalidToken("the token has expired")
        begins = _seconds(claims, "nbf")
        if begins is not None and now < begins - LEEWAY:
            raise InvalidToken("the token is not valid yet")


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    """A NumericDate; None when the claim is missing."""
    if name not in claims:
        return None
    value = claims[name]
    # NaN is neither: it would compare as never expired.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e15:
        raise InvalidToken(f"the token's {name} is not a time")
    return float(value)


def _caller(claims: Mapping[str, Any]) -> Caller:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not _is_text(subject):
        subject = None
    accounts = _accounts(claims)
    if ADMIN in _texts(claims.get("role")) | _texts(claims.get("roles")):
        return Caller(subject, None, accounts)
    tenant = claims.get("tenant_id")
    if isinstance(tenant, str) and _is_text(tenant):
        return Caller(subject, tenant, accounts)
    raise NoAccess(
        "The token has neither the role platform_admin nor a tenant_id: ask its issuer for one."
    )


def _accounts(claims: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the accounts that the token is about; None where it does not say, which means all.

    A claim that says nothing usable narrows to nothing: it never widens.
    """
    if "accounts" not in claims:
        return None
    named = frozenset(one for one in _texts(claims["accounts"]) if isinstance(one, str))
    if not named:
        raise NoAccess("The token's accounts names no account: ask its issuer for one.")
    return named


def _texts(value: object) -> set[object]:
    """Return the texts of a claim that holds one or a list of them."""
    return {one for one in (value if isinstance(value, list) else [value]) if _is_text(one)}


def _is_text(value: object) -> bool:
    """Say if it is a text that PostgreSQL can compare, and more than white space."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        return False
    return value.isprintable() and len(value) <= _TENANT_LETTERS
