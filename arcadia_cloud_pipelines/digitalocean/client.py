"""DigitalOcean's HTTP API, and nothing about what it is asked for.

The client retries what is safe to repeat, and turns every failure into one of `errors`. How it is
sent and read stands in `transport`, what an answer means in `verdicts`.
"""

from __future__ import annotations

import copy
import logging
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlencode, urlsplit

import orjson
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt

from ..settings.secret import Secret
from .bodies import DECIDES
from .budget import CallBudget, budget_for
from .clock import SYSTEM_CLOCK, Clock
from .errors import DigitalOceanError, clean
from .exchange import ApiAnswer, ApiCall, Failure, Success
from .patience import Patience
from .transport import Transport, origin
from .verdicts import Verdicts
from .whose import Account, Accounts, Whose, ask_account

_log = logging.getLogger(__name__)

T = TypeVar("T")

LARGEST_BODY: Final = 256 * 1024 * 1024
"""Bytes of one answer, decoded, that are read at most."""

QUIET: Final = 90.0
"""Seconds of waiting without an answer after which a listing is given up."""

_FIRST_BACKOFF, _LAST_BACKOFF = 1.0, 30.0  # as godo, DigitalOcean's own client, has them
_PATH: Final = re.compile(r"/v2/[A-Za-z0-9._~%!$&'()*+,;=:@/-]+")


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
        budget: CallBudget | None = None,
        clock: Clock = SYSTEM_CLOCK,
        jitter: Callable[[], float] = random.random,
        largest_body: int = LARGEST_BODY,
        token_from: str | None = None,
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
            token_from: the variable or the file that the token is in, for messages.

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
        self._attempts = attempts
        self._budget = budget_for(token, clock) if budget is None else budget
        self._clock = clock
        self._jitter = jitter
        self._whose = Whose()
        self.presumed_account: str | None = None
        """The account that a failure is about before the API said whose the token is."""
        self._patience = Patience(QUIET)
        self._closed = False
        self._verdicts = Verdicts(token, purpose, clock, token_from)
        self._timeout = timeout
        self._largest_body = largest_body
        self._transport = self._connect()

    def _connect(self) -> Transport:
        return Transport(
            self._base, self._token, timeout=self._timeout, largest_body=self._largest_body,
            budget=self._budget, clock=self._clock, patience=self._patience, whose=self._whose,
            verdicts=self._verdicts,
        )  # fmt: skip

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
        twin = copy.copy(self)
        twin._closed = False
        twin._transport = self._connect()
        return twin

    def close(self) -> None:
        """Close the connections; a call under way in another thread is not tried again."""
        self._closed = True
        self._transport.close()

    @property
    def calls(self) -> int:
        """Return how many HTTP requests were sent, retries and redirects included."""
        return self._transport.calls

    def count(self, calls: int) -> None:
        """Count calls that others sent on behalf of this client."""
        self._transport.calls += calls

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
        return self._run(replace(call, decides=decides), self._verdicts.object)

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
        return self._run(
            self._call("GET", path, params, accept=accept, scope=scope), self._verdicts.raw
        )

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
        return self._run(call, self._verdicts.object)

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
        return self._whose.account(lambda: ask_account(self))

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
        return self._whose.cause(error, lambda: ask_account(self))

    def raise_outage(self, error: DigitalOceanError) -> None:
        """Do nothing where `error` is alone: before a refusal is taken for an answer.

        Raises:
            DigitalOceanError: nothing is answered any more.
        """
        cause = self.cause(error)
        if cause.account_wide:
            raise cause from None

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
    ) -> ApiCall:
        # Dots would be resolved on the way and leave /v2/.
        if not _PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
            raise ValueError(
                f"not an API path: {clean(path, hide=self._verdicts.hidden)!r}; it must start with "
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
        endpoint = f"{method} {clean(target, hide=self._verdicts.hidden, limit=300)}"
        return ApiCall(method, self._base + target, endpoint, path, accept, body, scope)

    def _run(self, call: ApiCall, decode: Callable[[ApiCall, ApiAnswer], T | Failure]) -> T:
        retrying = Retrying(
            sleep=self._clock.sleep,
            stop=self._is_enough(call, self._clock.monotonic()),
            wait=self._wait,
            retry=retry_if_result(
                lambda done: (
                    isinstance(done, Failure)
                    and done.again
                    and not self._closed
                    and (call.decides or not self._patience.is_over())
                    # What was not refused may have been acted on: a second POST could act twice.
                    and (call.method == "GET" or done.refused)
                )
            ),
            before_sleep=lambda state: self._log_retry(call, state),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        done: Success[T] | Failure = retrying(self._attempt, call, decode)
        if isinstance(done, Failure):
            raise done.error
        return done.value

    def _is_enough(self, call: ApiCall, began: float) -> Callable[[RetryCallState], bool]:
        """Return what decides that a call is not tried again."""
        stop = stop_after_attempt(self._most_attempts(call))
        if not call.decides:
            return stop
        return lambda state: (
            stop(state) or (self._clock.monotonic() - began + state.upcoming_sleep > DECIDES)
        )

    def _most_attempts(self, call: ApiCall) -> int:
        return 2 * self._attempts - 1 if call.decides else self._attempts

    def _wait(self, state: RetryCallState) -> float:
        """Full jitter, so that parallel runs do not come back together; or as the answer asked."""
        backoff = min(_LAST_BACKOFF, _FIRST_BACKOFF * 2 ** (state.attempt_number - 1))
        failure = state.outcome.result() if state.outcome else None
        asked = failure.wait if isinstance(failure, Failure) else None
        wait: float = max(backoff * self._jitter(), asked or 0.0)
        return wait

    def _log_retry(self, call: ApiCall, state: RetryCallState) -> None:
        failure = state.outcome.result() if state.outcome else None
        error = failure.error if isinstance(failure, Failure) else None
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
        self, call: ApiCall, decode: Callable[[ApiCall, ApiAnswer], T | Failure]
    ) -> Success[T] | Failure:
        answer = self._transport.exchange(call)
        if isinstance(answer, Failure):
            return answer
        if answer.status >= 400:
            return self._verdicts.refusal(call, answer)
        value = decode(call, answer)
        return value if isinstance(value, Failure) else Success(value)
