"""Who calls: what a token's claims say, once its signature is known to be good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ADMIN = "platform_admin"
_TENANT_LETTERS = 255


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


def claimed_time(claims: Mapping[str, Any], name: str) -> float | None:
    """A NumericDate; None when the claim is missing."""
    if name not in claims:
        return None
    value = claims[name]
    # NaN is neither: it would compare as never expired.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e15:
        raise InvalidToken(f"the token's {name} is not a time")
    return float(value)


def caller_of(claims: Mapping[str, Any]) -> Caller:
    """Return the caller that good claims stand for.

    Raises:
        NoAccess: they carry neither the role platform_admin nor a tenant, or no account.
    """
    subject = claims.get("sub")
    if not isinstance(subject, str) or not _is_text(subject):
        subject = None
    accounts = _accounts(claims)
    if ADMIN in texts_of(claims.get("role")) | texts_of(claims.get("roles")):
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
    named = frozenset(one for one in texts_of(claims["accounts"]) if isinstance(one, str))
    if not named:
        raise NoAccess("The token's accounts names no account: ask its issuer for one.")
    return named


def texts_of(value: object) -> set[object]:
    """Return the texts of a claim that holds one or a list of them."""
    return {one for one in (value if isinstance(value, list) else [value]) if _is_text(one)}


def _is_text(value: object) -> bool:
    """Say if it is a text that PostgreSQL can compare, and more than white space."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        return False
    return value.isprintable() and len(value) <= _TENANT_LETTERS
