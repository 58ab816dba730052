"""The wire: sends one request, follows a redirect that stays at home, and reads what comes.

The token is put into the request at the last moment and nowhere else: requests' own exceptions
carry the prepared request, so none of them leaves this module, not even as the context of another.
"""

from __future__ import annotations

import logging
import socket
import ssl
from dataclasses import dataclass
from datetime import datetime
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
import urllib3
from requests.auth import AuthBase

from ..secret import Secret
from .budget import BudgetExhausted, CallBudget, Clock
from .errors import RateLimited, Unreachable
from .exchange import ApiAnswer, ApiCall, Failure
from .verdicts import Verdicts
from .whose import Whose

_LARGEST_ERROR: Final = 64 * 1024
# Seconds; the read timeout alone would let a trickle go on for ever.
_LONGEST_BODY: Final = 600.0
_LONGEST_ERROR: Final = 30.0
_CHUNK: Final = 64 * 1024
DECIDES: Final = 45.0
"""Seconds after which the account, which decides on a whole run, is not asked again; instead of a
number of attempts, so that a short break of the network ends none."""
_DECIDES_TIMEOUT: Final = 10.0


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


@dataclass(frozen=True)
class _Unread:
    text: str
    again: bool


class Transport:
    """Connections to one origin with one token. For one thread."""

    def __init__(
        self,
        base_url: str,
        token: Secret,
        *,
        timeout: tuple[float, float],
        largest_body: int,
        budget: CallBudget,
        clock: Clock,
        patience: Patience,
        whose: Whose,
        verdicts: Verdicts,
    ) -> None:
        """Send nothing yet.

        Args:
            base_url: scheme, host, and perhaps a port and a prefix: requests go nowhere else.
            token: sent with each request.
            timeout: seconds to connect, and between two bytes.
            largest_body: bytes of one answer that are read at most.
            budget: what may still be sent.
            clock: the time.
            patience: when to give up.
            whose: an outage that is remembered there is the answer to every call.
            verdicts: builds the errors.
        """
        self.calls = 0
        """Requests sent, retries and redirects included."""
        self._home = origin(urlsplit(base_url))
        self._timeout = timeout
        self._largest_body = largest_body
        self._budget = budget
        self._clock = clock
        self._patience = patience
        self._whose = whose
        self._verdicts = verdicts
        self._session = UnredirectedSession()
        self._session.auth = _Bearer(token)
        self._session.headers["User-Agent"] = user_agent()
        # No answer may change what the next request carries.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def exchange(self, call: ApiCall) -> ApiAnswer | Failure:
        """Send a call once, and once more where a redirect stays at home."""
        answer = self._send(call, call.url)
        if isinstance(answer, ApiAnswer) and answer.is_redirect:
            target = self._target(call, answer)
            if target is None:
                return self._verdicts.redirect(call, answer, self._why_not(call, answer))
            answer = self._send(call, target)
            if isinstance(answer, ApiAnswer) and answer.is_redirect:
                return self._verdicts.redirect(call, answer, "twice")
        return answer

    def _target(self, call: ApiCall, answer: ApiAnswer) -> str | None:
        """Return where a GET may go, token and all: to the same scheme, host and port."""
        at_home = self._at_home(call, answer)
        if call.method == "GET" and answer.headers.get("location") and at_home is not None:
            return at_home._replace(fragment="").geturl()
        return None

    def _why_not(self, call: ApiCall, answer: ApiAnswer) -> str:
        return "to another host" if self._at_home(call, answer) is None else ""

    def _at_home(self, call: ApiCall, answer: ApiAnswer) -> SplitResult | None:
        """Return the target of a redirect; None where it is another host's."""
        try:
            target = urlsplit(urljoin(call.url, answer.headers.get("location", "")))
            home = origin(target) == self._home and target.username is None
        except ValueError:
            return None
        return target if home else None

    def _send(self, call: ApiCall, url: str) -> ApiAnswer | Failure:
        if (outage := self._whose.outage()) is not None:
            return Failure(outage)
        if self._patience.is_over() and not call.decides:
            problem = (
                f"was not sent, because nothing was answered for {self._patience.seconds:.0f} s"
            )
            return Failure(Unreachable(call.endpoint, problem))
        try:
            self._budget.acquire(call.path)
        except BudgetExhausted as error:
            retry_at: datetime | None = self._verdicts.at(error.seconds)
        else:
            retry_at = None
        if retry_at is not None:
            when = f"{retry_at:%Y-%m-%d %H:%M:%S} UTC"
            problem = f"was not sent, because the token's rate limit is used up until {when}"
            return Failure(RateLimited(call.endpoint, problem, retry_at=retry_at))
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
                return ApiAnswer(status, received, body)
            self._patience.spend(self._clock.monotonic() - started)
            return self._verdicts.unusable(call, status, received, body.text, again=body.again)
        self._patience.spend(self._clock.monotonic() - started)
        return Failure(Unreachable(call.endpoint, problem + call.unsure), again=True)

    def _patient(self, call: ApiCall) -> tuple[float, float]:
        connect, read = self._timeout
        return connect, min(read, _DECIDES_TIMEOUT) if call.decides else read

    def _read(self, response: requests.Response, call: ApiCall) -> bytes | _Unread:
        """The whole body, or why it cannot be had. Of an error only as much as is looked at."""
        failed = response.status_code >= 300
        most = _LARGEST_ERROR if failed else self._largest_body
        longest = _LONGEST_ERROR if failed else DECIDES if call.decides else _LONGEST_BODY
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
