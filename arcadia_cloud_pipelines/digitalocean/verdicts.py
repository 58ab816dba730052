"""The meaning of an answer: a value, or an error with what went wrong and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from ..settings.secret import Secret
from .budget import LONGEST_WAIT
from .clock import Clock
from .errors import (
    BadAnswer,
    DigitalOceanError,
    Forbidden,
    NotFound,
    RateLimited,
    RedirectRefused,
    RequestRefused,
    ServerError,
    Unauthorized,
    clean,
)
from .exchange import ApiAnswer, ApiCall, Failure
from .json_text import NotJson, read_json
from .rate_headers import retry_after


class Verdicts:
    """Judges the answers to calls with one token."""

    def __init__(
        self, token: Secret, purpose: str | None, clock: Clock, token_from: str | None = None
    ) -> None:
        """Judge nothing yet.

        Args:
            token: no text shows it.
            purpose: what the token is for; names its variable in messages.
            clock: the time.
            token_from: the variable or the file that the token is in; by the purpose when None.
        """
        self._token_from = token_from
        self._token = token
        self._purpose = purpose
        self._clock = clock

    @property
    def hidden(self) -> tuple[str, str]:
        """Return what no text may show. Not an attribute: a dump of the client would show it."""
        token = self._token.reveal()
        return token, quote(token, safe="")

    def at(self, seconds: float) -> datetime:
        """Return the time so many seconds from now."""
        return datetime.fromtimestamp(self._clock.time(), UTC) + timedelta(seconds=seconds)

    def object(self, call: ApiCall, answer: ApiAnswer) -> dict[str, Any] | Failure:
        """Return the JSON object of an answer; {} for 204 to a POST."""
        if answer.status == 204 and call.method == "POST":
            return {}
        if answer.is_html:
            return self.unusable(call, answer.status, answer.headers, "is HTML, not JSON")
        problem = None
        try:
            value = read_json(answer.body)
        except NotJson as error:
            problem = str(error)
        if problem is not None:
            return self.unusable(call, answer.status, answer.headers, problem)
        if not isinstance(value, dict):
            problem = "is JSON, but not an object"
            return self.unusable(call, answer.status, answer.headers, problem, again=False)
        return value

    def raw(self, call: ApiCall, answer: ApiAnswer) -> bytes | Failure:
        """Return the body of an answer as it is."""
        if answer.is_html:
            problem = f"is HTML, not {call.accept}"
            return self.unusable(call, answer.status, answer.headers, problem)
        return answer.body

    def unusable(
        self,
        call: ApiCall,
        status: int,
        headers: Mapping[str, str],
        problem: str,
        *,
        again: bool = True,
    ) -> Failure:
        """Return the failure of an answer whose body cannot be used, and why."""
        error = BadAnswer(
            call.endpoint,
            f"answered {status}, but the body {problem}{call.unsure}",
            status=status,
            request_id=self._request_id({}, headers),
            transient=again,
        )
        return Failure(error, again=again)

    def _request_id(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> str | None:
        said = body.get("request_id") or headers.get("x-request-id")
        return clean(said, hide=self.hidden, limit=64) or None

    def refusal(self, call: ApiCall, answer: ApiAnswer) -> Failure:
        """Return the failure that a status from 400 is."""
        status = answer.status
        try:
            body = read_json(answer.body)
        except NotJson:
            body = None
        known = isinstance(body, dict)
        body = body if known else {}
        # POST /v2/tags answers 400 with another body: {"error", "messages", "root_causes"}.
        error_id = clean(body.get("id") or body.get("error"), hide=self.hidden, limit=64) or None
        message = clean(body.get("message"), hide=self.hidden)
        request_id = self._request_id(body, answer.headers)
        said = ": ".join(part for part in (error_id, message.rstrip(".")) if part)
        problem = f"answered {status}" + (f" ({said})" if said else "")
        if not known:
            problem += " without DigitalOcean's JSON, so a proxy or gateway may have answered"

        if status >= 500:
            problem += call.unsure

        wait = retry_after(status, answer.headers, self._clock)
        too_long = wait is not None and wait > LONGEST_WAIT
        retry_at = self.at(wait) if wait is not None else None
        advice: str | None = None
        if status == 401:
            advice = (
                f"the token is wrong, revoked or expired, so set a valid one in {self._variable}"
            )
        elif status == 403:
            advice = (
                f"the token lacks {f'the scope {call.scope}' if call.scope else 'a scope'}, so "
                f"make a new token that has it and set {self._variable}"
            )
        elif status == 404 and call.scope:
            advice = f"{NotFound.advice}, for which it needs the scope {call.scope}"
        elif (status == 429 or status >= 500) and retry_at is not None:
            advice = f"run it again after {retry_at:%Y-%m-%d %H:%M:%S} UTC"
        again = (status == 429 or status >= 500) and not too_long
        error = _error_type(status)(
            call.endpoint,
            problem,
            advice=advice,
            status=status,
            error_id=error_id,
            request_id=request_id,
            retry_at=retry_at,
        )
        return Failure(error, again=again, refused=status == 429, wait=wait)

    @property
    def _variable(self) -> str:
        if self._token_from is not None:
            return self._token_from
        if self._purpose is None:
            return "DO_API_TOKEN"
        return f"DO_API_TOKEN_{self._purpose.upper()} or DO_API_TOKEN"

    def redirect(self, call: ApiCall, answer: ApiAnswer, how: str) -> Failure:
        """Return the failure that a redirect is which was not followed."""
        return Failure(
            RedirectRefused(
                call.endpoint,
                f"answered {answer.status}, a redirect {how}".rstrip() + " that was not followed",
                status=answer.status,
                request_id=self._request_id({}, answer.headers),
            )
        )


def _error_type(status: int) -> type[DigitalOceanError]:
    if status >= 500:
        return ServerError
    return {401: Unauthorized, 403: Forbidden, 404: NotFound, 429: RateLimited}.get(
        status, RequestRefused
    )
