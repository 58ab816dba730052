"""Tokens of callers: verified here, never issued.

HS512 alone, with the secret that Guardian signs with. RFC 7519 (claims), RFC 7518 section 3.2 (the
key is at least as long as the hash), RFC 8725 (one algorithm, the type checked).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import jwt

from ..common.times import Clock
from ..settings import SettingsError
from ..settings.secret import Secret
from .caller import Caller, InvalidToken, caller_of, claimed_time, texts_of

ALGORITHM = "HS512"
KEY_BYTES = 64
"""The shortest secret that HS512 deserves."""
TOKEN_BYTES = 8 * 1024
_KEPT_TOKENS = 256
LEEWAY = 30.0
"""Seconds that the issuer's clock may be off by."""

# Everything but the signature is checked below, against a clock that tests can move.
_SIGNATURE_ALONE: Any = {
    "verify_signature": True,
    **dict.fromkeys(
        ("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss", "verify_sub",
         "verify_jti"),
        False,
    ),
}  # fmt: skip


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
        # The same token comes with each request of a caller, and the key is looked at each time.
        self._verified = lru_cache(_KEPT_TOKENS)(self._verify)

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
        if "aud" in claims and self._audience not in texts_of(claims["aud"]):
            raise InvalidToken("the token is for another audience")
        if claims.get("typ") != "access":
            raise InvalidToken("the token is not an access token")
        return caller_of(claims)

    def _verify(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a token whose signature is right; what is wrong is not kept."""
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
        expires = claimed_time(claims, "exp")
        if expires is None:
            raise InvalidToken("the token has no exp")
        if now >= expires + LEEWAY:
            raise InvalidToken("the token has expired")
        begins = claimed_time(claims, "nbf")
        if begins is not None and now < begins - LEEWAY:
            raise InvalidToken("the token is not valid yet")
