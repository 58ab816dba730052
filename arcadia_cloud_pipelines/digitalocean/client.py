"""DigitalOcean's HTTP API, and nothing about what it is asked for.

The client retries what is safe to repeat, proves that an answer arrived whole, and turns every
failure into one of `errors`. The token is put into the request at the last moment and nowhere else:
requests' own exceptions carry the prepared request, so none of them leaves this module, not even as
the context of another.
"""

from __future__ import annotations

import logging
import random
import re
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar
from urllib.parse import SplitResult, quote, urlencode, urljoin, urlsplit

import orjson
import requests
import urllib3
from requests.auth import AuthBase
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt

from ..settings import Secret
from .budget import (
    LONGEST_WAIT,
    SYSTEM_CLOCK,
    Budget,
    BudgetExhausted,
    Clock,
    budget_for,
    retry_after,
)
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
    Unreachable,
    clean,
)
from .json_text import NotJson, read_json
from .whose import Account, Accounts, Whose

_log = logging.getLogger(__name__)

T = TypeVar("T")

LARGEST_BODY: Final = 256 * 1024 * 1024
"""Bytes of one answer, decoded, that are read at most."""

_LARGEST_ERROR: Final = 64 * 1024
# Seconds; the read timeout alone would let a trickle go on for ever.
_LONGEST_BODY: Final = 600.0
_LONGEST_ERROR: Final = 30.0
_CHUNK: Final = 64 * 1024
QUIET: Final = 90.0
"""Seconds of waiting without an answer after which a listing is given up."""

_DECIDES: Final = 45.0
"""Seconds after which the account, which decides on a whole run, is not asked again; instead of a
number of attempts, so that a short break of the network ends none."""
_DECIDES_TIMEOUT: Final = 10.0

_FIRST_BACKOFF, _LAST_BACKOFF = 1.0, 30.0  # as godo, DigitalOcean's own client, has them
_PATH: Final = re.compile(r"/v2/[A-Za-z0-9._~%!$&'()*+,;=:@/-]+")


def _quotes_no_headers(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("Failed to parse headers")


# Of headers that it cannot parse urllib3 logs the text, which may hold anything.
logging.getLogger("urllib3.connection").addFilter(_quotes_no_headers)


class _Bearer(AuthBase):
    """Sets the header. Being an auth object keeps requests from putting ~/.netrc in its place."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        return request


class UnredirectedSession(requests.Session):
    """Never looks where a redirect goes: even unfollowed, requests would read its whole body."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        """Return none."""
        return None


class Patience:
    """Says when to give up: after so many seconds of waiting without an answer.

    Clones share it: while others are answered, one endpoint that hangs costs its own calls alone.
    """

    def __init__(self, seconds: float) -> None:
        """Have all of it left."""
        self.seconds = seconds
        self._waited = 0.0

    def renew(self) -> None:
        """Have all of it left again."""
        self._waited = 0.0

    def spend(self, seconds: float) -> None:
        """Count seconds that ended without an answer."""
        self._waited += seconds

    def is_over(self) -> bool:
        """Return true when none is left."""
        return self._waited > self.seconds


@dataclass(frozen=True)
class _Call:
    method: str
    url: str
    endpoint: str
    path: str
    accept: str
    body: bytes | None = None
    scope: str | None = None
    decides: bool = False
    """Whether a whole run hangs on it: it is answered, or given up, within a minute."""

    @property
    def unsure(self) -> str:
        return "" if self.method == "GET" else ", and it is not known whether it was acted on"


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_html(self) -> bool:
        kind = self.headers.get("content-type", "").lower()
        start = self.body[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        return "html" in kind or start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head"))


@dataclass(frozen=True)
class _Failure:
    """A failed attempt: passed through tenacity as a value, so that nothing is chained to it."""

    error: DigitalOceanError
    again: bool = False
    """Whether another attempt may help."""
    refused: bool = False
    """Whether DigitalOcean certainly did not act on the request (429)."""
    wait: float | None = None
    """Seconds the answer asked for."""


@dataclass(frozen=True)
class _Success(Generic[T]):
    value: T


def user_agent() -> str:
    """Return what we call ourselves, with the release."""
    try:
        return f"arcadia-cloud-pipelines/{version('arcadia-cloud-pipelines')}"
    except PackageNotFoundError:
        return "arcadia-cloud-pipelines/0"


def origin(parts: SplitResult) -> tuple[str, str, int | None]:
    """Scheme, host and port of a URL, with the scheme's own port filled in.

    Raises:
        ValueError: the port is not a number.
    """
    scheme = parts.scheme.lower()
    return scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(scheme)


class DigitalOcean:
    """A connection to the API with one token. For one thread; the budget is shared by all."""

    def __init__(
        self,
        base_url: str,
        token: Secret,
        *,
        purpose: str | None = None,
        timeout: tuple[float, float] = (5, 60),
        attempts: int = 5,
        budget: Budget | None = None,
        clock: Clock = SYSTEM_CLOCK,
        jitter: Callable[[], float] = random.random,
        largest_body: int = LARGEST_BODY,
    ) -> None:
        """Send nothing yet.

        Args:
            base_url: scheme, host, and perhaps a port and a prefix; without `/v2`.
            token: sent to `base_url` and nowhere else.
            purpose: what the token is for, as in `Purpose`; names the variable in messages.
            timeout: seconds to connect, and between two bytes.
            attempts: most requests for one call, 5 as DigitalOcean's own client.
            budget: the process's budget of this token when None.
            clock: replaceable for tests.
            jitter: a number from 0 to 1 that the backoff is multiplied by.
            largest_body: bytes of one answer that are read at most.

        Raises:
            ValueError: the base URL or the token cannot be used; the token is not in the text.
        """
        if not re.fullmatch(r"[\x21-\x7e]+", token.reveal()):
            # http.client would put the whole header into its exception.
            raise ValueError(
                "the DigitalOcean token is empty, or holds blanks or non-ASCII letters"
            )
        self._base = base_url.rstrip("/")
        self._check_base()
        self._token = token
        self._purpose = purpose
        self._timeout = timeout
        self._attempts = attempts
        self._budget = budget_for(token, clock) if budget is None else budget
        self._clock = clock
        self._jitter = jitter
        self._largest_body = largest_body
        self._whose = Whose()
        self.presumed_account: str | None = None
        """The account that a failure is about before the API said whose the token is."""
        self._patience = Patience(QUIET)
        self.calls = 0
        """HTTP requests sent, retries and redirects included."""
        self._closed = False
        self._session = UnredirectedSession()
        self._session.auth = _Bearer(token)
        self._session.headers["User-Agent"] = user_agent()
        # No answer may change what the next request carries.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def _check_base(self) -> None:
        try:
            parts = urlsplit(self._base)
            scheme, host, _ = origin(parts)
        except ValueError:
            raise ValueError("the base URL of the DigitalOcean API cannot be parsed") from None
        if scheme not in ("http", "https") or not host:
            raise ValueError("the base URL of the DigitalOcean API must be https://host")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError(
                "the base URL of the DigitalOcean API must have no user, query or fragment"
            )

    def __repr__(self) -> str:
        return f"DigitalOcean({urlsplit(self._base).netloc}, purpose={self._purpose!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def twin(self) -> DigitalOcean:
        """The same again, for another thread: with one budget, and one answer to `account`."""
        twin = DigitalOcean(
            self._base, self._token, purpose=self._purpose, timeout=self._timeout,
            attempts=self._attempts, budget=self._budget, clock=self._clock,
            jitter=self._jitter, largest_body=self._largest_body,
        )  # fmt: skip
        twin._whose = self._whose
        twin.presumed_account = self.presumed_account
        twin._patience = self._patience
        return twin

    def close(self) -> None:
        """Close the connections; a call under way in another thread is not tried again."""
        self._closed = True
        self._session.close()

    def _secrets(self) -> tuple[str, str]:
        # Not an attribute: a dump of the client would show it.
        token = self._token.reveal()
        return token, quote(token, safe="")

    @property
    def base_url(self) -> str:
        """Return where requests go, without `/v2`."""
        return self._base

    def get(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        scope: str | None = None,
        decides: bool = False,
    ) -> dict[str, Any]:
        """The JSON object at a path.

        Repeated up to `attempts` times on 429, 5xx, a lost connection, and an answer that is cut
        short, HTML or not JSON; waits 1 to 30 s between, or as long as `retry-after` says.

        Args:
            path: from `/v2/`, names in it percent-encoded, without a query.
            params: the query; None values are left out, booleans become `true` and `false`.
            scope: the token scope this needs, such as `billing:read`, for the message of a 403.
            decides: whether a whole run hangs on it: then it is tried for less than a minute.

        Raises:
            DigitalOceanError: one of the types in `errors`.
            ValueError: the path is not one.
        """
        call = self._call("GET", path, params, scope=scope)
        return self._run(replace(call, decides=decides), self._object)

    def get_bytes(
        self,
        path: str,
        *,
        accept: str,
        params: Mapping[str, Any] | None = None,
        scope: str | None = None,
    ) -> bytes:
        """The body at a path as it is, for CSV. Retries and errors as for `get`.

        HTML is refused. The body is asked for uncompressed so that its length can be checked; one
        sent without a length is whole as far as HTTP can say.

        Args:
            path: as for `get`.
            accept: the media type wanted, such as `text/csv`.
            params: as for `get`.
            scope: as for `get`.

        Raises:
            DigitalOceanError: one of the types in `errors`.
            ValueError: the path is not one.
        """
        return self._run(self._call("GET", path, params, accept=accept, scope=scope), self._raw)

    def post(
        self, path: str, body: Mapping[str, Any], *, scope: str | None = None
    ) -> dict[str, Any]:
        """Send a JSON object, and return the one that comes back ({} for 204).

        Repeated only after 429, where DigitalOcean did not act on it. After any other failure
        without an answer it may have been acted on: look before sending it again.

        Args:
            path: as for `get`.
            body: the object.
            scope: as for `get`.

        Raises:
            DigitalOceanError: one of the types in `errors`.
            ValueError: the path is not one.
        """
        call = self._call("POST", path, None, body=orjson.dumps(dict(body)), scope=scope)
        return self._run(call, self._object)

    def account(self) -> Account:
        """Return whose infrastructure the token sees; asked once for a client and its twins.

        `GET /v2/account`, the team before the person; for a token without `account:read` the owner
        of the default project.

        Raises:
            Forbidden: neither may be read, or what can be is less than it was; `account:read` is
                needed.
            DigitalOceanError: anything else that goes wrong.
        """
        # Whoever asks this begins a piece of work: what hung before says nothing of it.
        self._patience.renew()
        return self._whose.account(self._ask_account)

    def know(self, accounts: Callable[[Secret], Accounts]) -> None:
        """Have `account` ask what was known of the token before. Only the first call counts."""
        self._whose.know(lambda: accounts(self._token))

    def remember_outages(self) -> None:
        """Have a failure of `account` be remembered: for clients that live as long as one run."""
        self._whose.remember_outages()

    def cause(self, error: DigitalOceanError) -> DigitalOceanError:
        """Return what keeps everything from being answered, or `error` where it is alone.

        Asks for the account again, where outages are remembered.
        """
        return self._whose.cause(error, self._ask_account)

    def _ask_account(self) -> Account:
        refusal: DigitalOceanError | None = None
        try:
            account = self.get("/v2/account", scope="account:read", decides=True).get("account")
        except (Forbidden, NotFound) as error:
            refusal = error
        else:
            team = _dig(account, "team")
            if uuid := _text(team, "uuid"):
                return Account(uuid, _text(team, "name"), person=_text(account, "uuid"))
            if uuid := _text(account, "uuid"):
                return Account(uuid, None, source="person")
        try:
            default = self.get("/v2/projects/default", scope="project:read", decides=True)
            project = default.get("project")
        except (Forbidden, NotFound) as error:
            refusal = refusal or error
        else:
            if uuid := _text(project, "owner_uuid"):
                return Account(uuid, None, source="project")
        raise Forbidden(
            "GET /v2/account",
            "did not say whose account it is, and neither did the default project",
            advice="give the token the scope account:read",
            status=refusal.status if refusal else 200,
            error_id=refusal.error_id if refusal else None,
            request_id=refusal.request_id if refusal else None,
        )

    # -- one call ---------------------------------------------------------------------------

    def _call(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        *,
        accept: str = "application/json",
        body: bytes | None = None,
        scope: str | None = None,
    ) -> _Call:
        # Dots would be resolved on the way and leave /v2/.
        if not _PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
            raise ValueError(
                f"not an API path: {clean(path, hide=self._secrets())!r}; it must start with "
                "/v2/, be percent-encoded and have no query"
            )
        query = urlencode(
            [
                (name, str(value).lower() if isinstance(value, bool) else str(value))
                for name, value in (params or {}).items()
                if value is not None
            ]
        )
        target = f"{path}?{query}" if query else path
        endpoint = f"{method} {clean(target, hide=self._secrets(), limit=300)}"
        return _Call(method, self._base + target, endpoint, path, accept, body, scope)

    def _run(self, call: _Call, decode: Callable[[_Call, _Answer], T | _Failure]) -> T:
        retrying = Retrying(
            sleep=self._clock.sleep,
            stop=self._is_enough(call, self._clock.monotonic()),
            wait=self._wait,
            retry=retry_if_result(
                lambda done: (
                    isinstance(done, _Failure)
                    and done.again
                    and not self._closed
                    and (call.decides or not self._patience.is_over())
                    and (call.method == "GET" or done.refused)
                )
            ),
            before_sleep=lambda state: self._log_retry(call, state),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        done: _Success[T] | _Failure = retrying(self._attempt, call, decode)
        if isinstance(done, _Failure):
            raise done.error
        return done.value

    def _is_enough(self, call: _Call, began: float) -> Callable[[RetryCallState], bool]:
        """Return what decides that a call is not tried again."""
        stop = stop_after_attempt(self._most_attempts(call))
        if not call.decides:
            return stop
        return lambda state: (
            stop(state) or (self._clock.monotonic() - began + state.upcoming_sleep > _DECIDES)
        )

    def _most_attempts(self, call: _Call) -> int:
        return 2 * self._attempts - 1 if call.decides else self._attempts

    def _wait(self, state: RetryCallState) -> float:
        """Full jitter, so that parallel runs do not come back together; or as the answer asked."""
        backoff = min(_LAST_BACKOFF, _FIRST_BACKOFF * 2 ** (state.attempt_number - 1))
        failure = state.outcome.result() if state.outcome else None
        asked = failure.wait if isinstance(failure, _Failure) else None
        wait: float = max(backoff * self._jitter(), asked or 0.0)
        return wait

    def _log_retry(self, call: _Call, state: RetryCallState) -> None:
        failure = state.outcome.result() if state.outcome else None
        error = failure.error if isinstance(failure, _Failure) else None
        _log.warning(
            "%s at %s: attempt %d of %d failed (%s), next in %.1f s",
            call.endpoint,
            urlsplit(self._base).netloc,
            state.attempt_number,
            self._most_attempts(call),
            f"{type(error).__name__} {(error.status if error else None) or ''}".strip(),
            state.next_action.sleep if state.next_action else 0.0,
        )

    def _attempt(
        self, call: _Call, decode: Callable[[_Call, _Answer], T | _Failure]
    ) -> _Success[T] | _Failure:
        answer = self._send(call, call.url)
        if isinstance(answer, _Answer) and 300 <= answer.status < 400:
            target = self._redirect(call, answer)
            answer = self._send(call, target) if isinstance(target, str) else target
            if isinstance(answer, _Answer) and 300 <= answer.status < 400:
                answer = self._refuse_redirect(call, answer, "twice")
        if isinstance(answer, _Failure):
            return answer
        if answer.status >= 400:
            return self._refusal(call, answer)
        value = decode(call, answer)
        return value if isinstance(value, _Failure) else _Success(value)

    def _send(self, call: _Call, url: str) -> _Answer | _Failure:
        if (outage := self._whose.outage()) is not None:
            return _Failure(outage)
        if self._patience.is_over() and not call.decides:
            problem = f"was not sent: for {self._patience.seconds:.0f} s nothing was answered"
            return _Failure(Unreachable(call.endpoint, problem))
        try:
            self._budget.acquire(call.path)
        except BudgetExhausted as error:
            retry_at: datetime | None = self._at(error.seconds)
        else:
            retry_at = None
        if retry_at is not None:
            when = f"{retry_at:%Y-%m-%d %H:%M:%S} UTC"
            problem = f"was not sent: the token's rate limit is used up until {when}"
            return _Failure(RateLimited(call.endpoint, problem, retry_at=retry_at))
        headers = {"Accept": call.accept}
        if call.accept != "application/json":
            headers["Accept-Encoding"] = "identity"
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        self.calls += 1
        started = self._clock.monotonic()
        # Errors are built outside of `except`: there the caught one would become their context.
        try:
            with self._session.request(
                call.method,
                url,
                data=call.body,
                headers=headers,
                timeout=self._patient(call),
                allow_redirects=False,
                stream=True,
            ) as response:
                self._budget.note(response.status_code, response.headers)
                body = self._read(response, call)
                status, received = response.status_code, response.headers
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            problem = network_problem(error)
        except ValueError:  # a host or a header that http.client or idna will not have
            problem = "could not be sent"
        else:
            if isinstance(body, bytes):
                self._patience.renew()
                return _Answer(status, received, body)
            self._patience.spend(self._clock.monotonic() - started)
            return self._unusable(call, status, received, body.text, again=body.again)
        self._patience.spend(self._clock.monotonic() - started)
        return _Failure(Unreachable(call.endpoint, problem + call.unsure), again=True)

    def _patient(self, call: _Call) -> tuple[float, float]:
        connect, read = self._timeout
        return connect, min(read, _DECIDES_TIMEOUT) if call.decides else read

    def _read(self, response: requests.Response, call: _Call) -> bytes | _Unread:
        """The whole body, or why it cannot be had. Of an error only as much as is looked at."""
        failed = response.status_code >= 300
        most = _LARGEST_ERROR if failed else self._largest_body
        longest = _LONGEST_ERROR if failed else _DECIDES if call.decides else _LONGEST_BODY
        parts: list[bytes] = []
        size = 0
        start = self._clock.monotonic()
        try:
            # Not `iter_content`: it waits for a whole chunk, which a trickle never fills.
            while chunk := response.raw.read1(_CHUNK, decode_content=True):
                parts.append(chunk)
                size += len(chunk)
                if size > most:
                    break
                if self._clock.monotonic() - start > longest:
                    return _Unread(f"was still not read after {longest:.0f} s", again=True)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            # Of an error the status is what counts; its text may be lost.
            if not failed:
                undecodable = isinstance(error, urllib3.exceptions.DecodeError)
                how = "could not be decompressed" if undecodable else "was cut short"
                return _Unread(how, again=True)
        if size > most and not failed:
            return _Unread(f"is larger than {most} bytes", again=False)
        return b"".join(parts)

    def _at(self, seconds: float) -> datetime:
        return datetime.fromtimestamp(self._clock.time(), UTC) + timedelta(seconds=seconds)

    # -- what an answer means ---------------------------------------------------------------

    def _object(self, call: _Call, answer: _Answer) -> dict[str, Any] | _Failure:
        if answer.status == 204 and call.method == "POST":
            return {}
        if answer.is_html:
            return self._unusable(call, answer.status, answer.headers, "is HTML, not JSON")
        problem = None
        try:
            value = read_json(answer.body)
        except NotJson as error:
            problem = str(error)
        if problem is not None:
            return self._unusable(call, answer.status, answer.headers, problem)
        if not isinstance(value, dict):
            problem = "is JSON, but not an object"
            return self._unusable(call, answer.status, answer.headers, problem, again=False)
        return value

    def _raw(self, call: _Call, answer: _Answer) -> bytes | _Failure:
        if answer.is_html:
            problem = f"is HTML, not {call.accept}"
            return self._unusable(call, answer.status, answer.headers, problem)
        return answer.body

    def _unusable(
        self,
        call: _Call,
        status: int,
        headers: Mapping[str, str],
        problem: str,
        *,
        again: bool = True,
    ) -> _Failure:
        error = BadAnswer(
            call.endpoint,
            f"answered {status}, but the body {problem}{call.unsure}",
            status=status,
            request_id=self._request_id({}, headers),
            transient=again,
        )
        return _Failure(error, again=again)

    def _request_id(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> str | None:
        said = body.get("request_id") or headers.get("x-request-id")
        return clean(said, hide=self._secrets(), limit=64) or None

    def _refusal(self, call: _Call, answer: _Answer) -> _Failure:
        status = answer.status
        try:
            body = read_json(answer.body)
        except NotJson:
            body = None
        known = isinstance(body, dict)
        body = body if known else {}
        # POST /v2/tags answers 400 with another body: {"error", "messages", "root_causes"}.
        error_id = (
            clean(body.get("id") or body.get("error"), hide=self._secrets(), limit=64) or None
        )
        message = clean(body.get("message"), hide=self._secrets())
        request_id = self._request_id(body, answer.headers)
        said = ": ".join(part for part in (error_id, message.rstrip(".")) if part)
        problem = f"answered {status}" + (f" ({said})" if said else "")
        if not known:
            problem += " without DigitalOcean's JSON, so a proxy or gateway may have answered"

        if status >= 500:
            problem += call.unsure

        wait = retry_after(status, answer.headers, self._clock)
        too_long = wait is not None and wait > LONGEST_WAIT
        retry_at = self._at(wait) if wait is not None else None
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
            advice = f"{NotFound.advice} without the scope {call.scope}"
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
        return _Failure(error, again=again, refused=status == 429, wait=wait)

    @property
    def _variable(self) -> str:
        if self._purpose is None:
            return "DO_API_TOKEN"
        return f"DO_API_TOKEN_{self._purpose.upper()} or DO_API_TOKEN"

    def _redirect(self, call: _Call, answer: _Answer) -> str | _Failure:
        """Return where a GET may go, token and all: to the same scheme, host and port."""
        location = answer.headers.get("location", "")
        try:
            target = urlsplit(urljoin(call.url, location))
            same = origin(target) == origin(urlsplit(self._base)) and target.username is None
        except ValueError:
            same = False
        if call.method == "GET" and location and same:
            return target._replace(fragment="").geturl()
        return self._refuse_redirect(call, answer, "" if same else "to another host")

    def _refuse_redirect(self, call: _Call, answer: _Answer, how: str) -> _Failure:
        return _Failure(
            RedirectRefused(
                call.endpoint,
                f"answered {answer.status}, a redirect {how}".rstrip() + " that was not followed",
                status=answer.status,
                request_id=self._request_id({}, answer.headers),
            )
        )


@dataclass(frozen=True)
class _Unread:
    text: str
    again: bool


def _dig(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None


def _text(value: object, name: str) -> str | None:
    found = _dig(value, name)
    return found.strip() or None if isinstance(found, str) else None


def _error_type(status: int) -> type[DigitalOceanError]:
    if status >= 500:
        return ServerError
    return {401: Unauthorized, 403: Forbidden, 404: NotFound, 429: RateLimited}.get(
        status, RequestRefused
    )


def _causes(error: BaseException) -> list[BaseException]:
    """The exception and all it was made from: requests and urllib3 wrap in `args` and `reason`."""
    found: list[BaseException] = []
    todo: list[object] = [error]
    while todo:
        one = todo.pop()
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            todo += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]
    return found


def network_problem(error: BaseException) -> str:
    """Say what happened in words of our own: the text of the exception may hold anything."""
    causes = _causes(error)

    def has(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    if has(requests.exceptions.ProxyError, urllib3.exceptions.ProxyError):
        return "got no answer: the proxy did not let it through"
    if has(requests.exceptions.SSLError, ssl.SSLError):
        return "got no answer: TLS failed"
    if has(socket.gaierror, urllib3.exceptions.NameResolutionError):
        return "got no answer: the host name was not found"
    if has(ConnectionRefusedError):
        return "got no answer: the connection was refused"
    if has(requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError):
        return "got no answer in time"
    if has(ConnectionResetError, BrokenPipeError, ConnectionAbortedError):
        return "got no answer: the connection was reset"
    return "got no answer: the connection failed"
