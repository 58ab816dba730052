"""Terraform states behind an address, as the backend `http` keeps them.

One GET and nothing else, so that a lock is neither taken nor needed. A redirect is not followed:
credentials would go along. Terraform itself takes 404 and 204 for "there is no state yet"; here
they say nothing, for a wrong path answers alike.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from time import monotonic, sleep
from typing import Final

import requests
import urllib3
from requests.auth import AuthBase
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from ..digitalocean.network_problems import network_problem
from ..digitalocean.sessions import UnredirectedSession, user_agent
from ..settings import SettingsError
from ..settings.secret import named_secret
from .state_entries import HttpSource
from .state_json import TerraformError
from .terraform_files import MAX_BYTES

ATTEMPTS: Final = 3
_CHUNK: Final = 64 * 1024
_LONGEST: Final = 120.0
_ADVICE: Mapping[int, str] = {
    401: "its credentials are wrong or missing: look at token_env, or username and password_env",
    403: "these credentials may not read it",
    404: "there is no state there: check the address",
    204: "there is no state there: check the address",
    410: "there is no state there any more: check the address",
    423: "it is locked; the next reading tries again",
    409: "it is locked; the next reading tries again",
    429: "too many requests; the next reading tries again",
}


class _Passing(Exception):
    """Something that may be over at once."""


class _Header(AuthBase):
    """Sets the header, or none. Being an auth object keeps requests from reading ~/.netrc."""

    def __init__(self, value: str | None) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._value is not None:
            request.headers["Authorization"] = self._value
        return request


def read_http(
    source: HttpSource,
    *,
    timeout: tuple[float, float] = (5, 30),
    clock: Callable[[], float] = monotonic,
    pause: Callable[[float], None] = sleep,
) -> bytes:
    """Return the state.

    Args:
        source: where.
        timeout: seconds to connect, and between two bytes.
        clock: seconds that never go back.
        pause: waits between two attempts.

    Raises:
        TerraformError: it cannot be read; the text holds nothing of the answer.
    """
    problem = None
    try:
        header = _Header(_authorization(source))
        attempts = Retrying(
            stop=stop_after_attempt(ATTEMPTS), wait=wait_fixed(2), sleep=pause,
            retry=retry_if_exception_type(_Passing),
        )  # fmt: skip
        return attempts(_get, source.url, header, timeout, clock)
    except SettingsError as error:
        problem = str(error)
    except RetryError as error:
        problem = str(error.last_attempt.exception())
    except _Refused as error:
        problem = str(error)
    # Not in `except`: there the caught one, which holds the request, would be its context.
    raise TerraformError(f"{source.shown} cannot be read: {problem}.")


class _Refused(Exception):
    """Asking again will not help at once."""


def _authorization(source: HttpSource) -> str | None:
    name = source.token_env or source.password_env
    if name is None:
        return None
    secret = named_secret(name).reveal()
    if source.token_env is None:
        pair = f"{source.username}:{secret}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise SettingsError(f"{name} holds white space or letters outside ASCII")
    return f"Bearer {secret}"


def _get(
    url: str, header: _Header, timeout: tuple[float, float], clock: Callable[[], float]
) -> bytes:
    problem = None
    with UnredirectedSession() as session:
        session.auth = header
        session.headers.update(
            {"User-Agent": user_agent(), "Accept": "application/json", "Accept-Encoding": "gzip"}
        )
        try:
            with session.get(url, timeout=timeout, allow_redirects=False, stream=True) as response:
                _check_status(response)
                body = _body(response, clock)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            problem = network_problem(error)
        except ValueError:  # a host or a header that http.client or idna will not have
            problem = "it could not be asked for"
    if problem is not None:
        raise _Passing(f"{problem}; the next reading tries again")
    if body.lstrip()[:1] == b"<":
        raise _Refused("it answered a page (HTML or XML) instead of a state: check the address")
    return body


def _check_status(response: requests.Response) -> None:
    status = response.status_code
    if status == 200:
        return
    if status >= 500:
        raise _Passing(f"it answered {status}: the fault is on its side")
    if 300 <= status < 400:
        raise _Refused(
            f"it answered {status}, a redirect, which is not followed: give the address it leads to"
        )
    advice = _ADVICE.get(status, "the request was not accepted")
    raise (_Passing if status == 429 else _Refused)(f"it answered {status}: {advice}")


def _body(response: requests.Response, clock: Callable[[], float]) -> bytes:
    parts, size = [], 0
    start = clock()
    try:
        # Not `iter_content`: it waits for a whole chunk, which a trickle never fills.
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            parts.append(chunk)
            size += len(chunk)
            if size > MAX_BYTES:
                largest = MAX_BYTES // 2**20
                raise _Refused(f"it is larger than {largest} MiB, so it is not a Terraform state")
            if clock() - start > _LONGEST:
                raise _Refused(f"it was still not read after {_LONGEST:.0f} s")
    except urllib3.exceptions.DecodeError:
        cut = "it could not be decompressed"
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError):
        cut = "it was cut short"
    else:
        return b"".join(parts)
    raise _Passing(cut)
