"""Errors of asking DigitalOcean, one type for each thing an operator would do about it.

No error holds the token or a response body. What DigitalOcean wrote is kept only as its short
`message`, cleaned by `clean`. Status and id decide, never the text, which differs between services
(DigitalOcean API reference, Introduction: HTTP Statuses).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ..common import foreign_text
from ..common.redaction import masked

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\ufeff]+")


def clean(text: object, *, hide: Iterable[str] = (), limit: int = 200) -> str:
    """Foreign text made fit for a message: one line, short, without secrets and mail addresses.

    Args:
        text: from an answer; anything but a `str` gives "".
        hide: secrets that the other side may have echoed.
        limit: most characters returned.
    """
    if not isinstance(text, str):
        return ""
    # Hide before cutting, or the first half of a secret could survive at the end.
    for secret in hide:
        text = text.replace(secret, "***") if secret else text
    text = " ".join(_UNPRINTABLE.sub(" ", text).split())
    for secret in hide:
        text = text.replace(secret, "***") if secret else text
    text = foreign_text.line(masked(text))
    return text if len(text) <= limit else text[: limit - 1] + "…"


class DigitalOceanError(Exception):
    """A call failed; the text says which, how, and what to do.

    Attributes:
        endpoint: method and path with query, such as `GET /v2/droplets?page=2`; no host.
        problem: what happened, as it stands in the text.
        advice: what to do, as it stands in the text.
        status: HTTP status of the last answer, None when there was none.
        error_id: DigitalOcean's `id` of the error, such as `not_found`.
        request_id: what DigitalOcean support asks for.
        transient: whether the same call may well succeed later without anyone doing anything. After
            a POST, look first whether it was acted on.
        retry_at: when it may (UTC), where the answer said so.
        account_wide: whether every other call with this token would fail in the same way, as
            nothing could be learnt of the account itself.
    """

    transient: bool = False
    account_wide: bool = False
    advice: str = "look at the status and DigitalOcean's message"

    def __init__(
        self,
        endpoint: str,
        problem: str,
        *,
        advice: str | None = None,
        status: int | None = None,
        error_id: str | None = None,
        request_id: str | None = None,
        transient: bool | None = None,
        retry_at: datetime | None = None,
    ) -> None:
        """Build the one sentence.

        Args:
            endpoint: method and path with query.
            problem: what happened, as the end of "GET /v2/droplets …", without a full stop.
            advice: what the operator should do; the type's own when None.
            status: see the class.
            error_id: see the class.
            request_id: see the class.
            transient: the type's own when None.
            retry_at: see the class.
        """
        self.endpoint = endpoint
        self.problem = problem
        self.status = status
        self.error_id = error_id
        self.request_id = request_id
        self.retry_at = retry_at
        if transient is not None:
            self.transient = transient
        if advice is not None:
            self.advice = advice
        asked = f" (request {request_id})" if request_id else ""
        super().__init__(f"{endpoint} {problem}{asked}: {self.advice}.")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        # The default would call __init__ with the finished sentence as the endpoint.
        return _restore, (type(self), str(self), dict(self.__dict__))


def _restore(kind: type[DigitalOceanError], text: str, state: dict[str, Any]) -> DigitalOceanError:
    error = kind.__new__(kind, text)
    error.__dict__.update(state)
    return error


class Unauthorized(DigitalOceanError):
    """401: the token is missing, wrong, revoked or expired."""

    advice = "the token is wrong, revoked or expired, so set a valid one in DO_API_TOKEN"


class Forbidden(DigitalOceanError):
    """403: the token lacks a scope (scopes of a token cannot be edited: a new one is needed)."""

    advice = "the token lacks a scope, so make a new token that has it"


class NotFound(DigitalOceanError):
    """404: the thing is gone, or the team never used the feature; a missing scope may look so."""

    advice = (
        "check that it still exists, that the team uses the feature, and that the token may see it"
    )


class RateLimited(DigitalOceanError):
    """429 that outlasted the retries, or a wait longer than is sensible to sit through."""

    transient = True
    advice = "wait and run it again, or give this purpose a token of its own"


class Unreachable(DigitalOceanError):
    """No answer: name not found, refused, timeout, TLS, reset, proxy."""

    transient = True
    advice = "check the network, DO_API_URL and status.digitalocean.com, then run it again"


class ServerError(DigitalOceanError):
    """5xx that outlasted the retries."""

    transient = True
    advice = "the fault is on DigitalOcean's side, so run it again later"


class BadAnswer(DigitalOceanError):
    """An answer that cannot be used: cut short, HTML, not JSON, or not the shape promised."""

    advice = "check that DO_API_URL is the DigitalOcean API, and report it if it is"


class PagingError(DigitalOceanError):
    """The link to the next page loops, skips, goes elsewhere, or never ends."""

    advice = "the list cannot be trusted, so nothing of it was stored; please report it"


class RedirectRefused(DigitalOceanError):
    """A redirect that was not followed, because the token would have gone with it."""

    advice = "set DO_API_URL to the address of the API itself"


class RequestRefused(DigitalOceanError):
    """Any other 4xx: the request itself was not accepted (400, 409, 412, 422)."""

    advice = "repeating the request will not help, so look at DigitalOcean's message"
