"""The wire: sends one request, follows a redirect that stays at home, and reads what comes.

The token is put into the request at the last moment and nowhere else: requests' own exceptions
carry the prepared request, so none of them leaves this module, not even as the context of another.
"""

from __future__ import annotations

from datetime import datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
import urllib3

from ..settings.secret import Secret
from .bodies import read_body
from .budget import BudgetExhausted, CallBudget
from .clock import Clock
from .errors import RateLimited, Unreachable
from .exchange import ApiAnswer, ApiCall, Failure
from .network_problems import network_problem
from .patience import Patience
from .sessions import Bearer, UnredirectedSession, user_agent
from .verdicts import Verdicts
from .whose import Whose

_DECIDES_TIMEOUT: Final = 10.0


def origin(parts: SplitResult) -> tuple[str, str, int | None]:
    """Scheme, host and port of a URL, with the scheme's own port filled in.

    Raises:
        ValueError: the port is not a number.
    """
    scheme = parts.scheme.lower()
    return scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(scheme)


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
        self._session.auth = Bearer(token)
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
                why = "to another host" if self._at_home(call, answer) is None else ""
                return self._verdicts.redirect(call, answer, why)
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
            # So that the length that the server says can be compared with what came.
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
                # `exchange` follows those that stay at home; requests would follow any.
                allow_redirects=False,
                stream=True,
            ) as response:
                self._budget.note(response.status_code, response.headers)
                body = read_body(
                    response, most=self._largest_body, decides=call.decides, clock=self._clock
                )
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
