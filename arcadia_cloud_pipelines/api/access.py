"""The right to call a route, as dependencies of the routes."""

from __future__ import annotations

import hmac
import logging
from functools import partial
from typing import Annotated

from fastapi import Depends, Request

from .auth import Verifier
from .caller import Caller, InvalidToken, NoAccess
from .config import ApiConfig
from .database import Database
from .limits import Shares
from .problems import BadParameter, Problem

_log = logging.getLogger(__name__)


async def identified(request: Request) -> Caller:
    """Whoever has a valid token with a role or a tenant.

    Raises:
        Problem: 401 without a valid token, 403 with one that gives access to nothing, 429 when
            the caller has its share of requests under way.
    """
    verifier: Verifier = request.app.state.verifier
    if not verifier.has_secret:
        _log.warning(
            "401: ARCADIA_JWT_SECRET is not set, so no token can be verified and every "
            "authenticated call is refused"
        )
    try:
        caller = verifier.caller(_token(request))
    except InvalidToken as error:
        request.state.refused = str(error)
        raise Problem(
            401,
            f"A valid token is needed: {error}.",
            headers={"WWW-Authenticate": 'Bearer realm="arcadia-cloud", error="invalid_token"'},
        ) from None
    except NoAccess as error:
        request.state.refused = "neither role nor tenant"
        raise Problem(403, str(error)) from None
    request.state.caller = caller
    # A tenant's callers share: one of them cannot make names for itself.
    holder = caller.tenant or (caller.subject,)
    shares: Shares = request.app.state.shares
    if not shares.take(holder):
        request.state.refused = "more than its share"
        raise Problem(
            429,
            "Too many of your requests run at the same time: wait for their answers, then send "
            "more.",
            headers={"Retry-After": "1"},
        )
    request.state.share = partial(shares.give_back, holder)
    return caller


def _token(request: Request) -> str:
    values = request.headers.getlist("authorization")
    if not values:
        raise InvalidToken("there is no Authorization header")
    scheme, _, token = values[0].partition(" ")
    if len(values) > 1 or scheme.lower() != "bearer" or not token.strip():
        raise InvalidToken("the Authorization header does not have the form Bearer TOKEN")
    return token.strip()


_REPEATABLE = frozenset({"tag"})


def _check_each_once(request: Request) -> None:
    """Refuse a parameter that was given twice, where one of the two would be ignored.

    After the token: who may not call learns nothing about parameters.
    """
    names = [name for name, _ in request.query_params.multi_items()]
    for name in names:
        if name not in _REPEATABLE and names.count(name) > 1:
            raise BadParameter(name[:64], "is given more than once")


_Identified = Annotated[Caller, Depends(identified)]


async def any_caller(request: Request, caller: _Identified) -> Caller:
    """Whoever has a valid token with a role or a tenant.

    Raises:
        Problem: 401, 403, or 422 for a parameter that was given twice.
    """
    _check_each_once(request)
    return caller


async def admin(request: Request, caller: _Identified) -> Caller:
    """A platform_admin.

    Raises:
        Problem: 401, 403, or 422 for a parameter that was given twice.
    """
    if not caller.is_admin:
        request.state.refused = "not platform_admin"
        raise Problem(
            403, "This needs the role platform_admin: ask the issuer of your token for it."
        )
    _check_each_once(request)
    return caller


async def scraper(request: Request) -> None:
    """Let Prometheus in, by the token of the metrics or as a platform_admin.

    Raises:
        Problem: 401 or 403.
    """
    config: ApiConfig = request.app.state.config
    if config.metrics_token is not None:
        try:
            given = _token(request)
        except InvalidToken:
            given = ""
        if hmac.compare_digest(given.encode(), config.metrics_token.reveal().encode()):
            return
    caller = await admin(request, await identified(request))
    if caller.accounts is not None:
        request.state.refused = "not for all accounts"
        raise Problem(403, "Metrics are of all accounts, and the token is about some.")


async def decider(request: Request, caller: Annotated[Caller, Depends(admin)]) -> str:
    """Return the name that a platform_admin's decision is recorded under.

    Raises:
        Problem: 401, 403 also for a token that names nobody, or 422.
    """
    if caller.subject is None:
        request.state.refused = "no sub"
        raise Problem(
            403,
            "A decision is stored with a person, but the token has no `sub`: use a token that has "
            "one.",
        )
    return caller.subject


async def database(request: Request) -> Database:
    """The application's database. Async, although it waits for nothing: else it gets a thread."""
    opened: Database = request.app.state.database
    return opened


AnyCaller = Annotated[Caller, Depends(any_caller)]
Admin = Annotated[Caller, Depends(admin)]
Scraper = Annotated[None, Depends(scraper)]
Decider = Annotated[str, Depends(decider)]
