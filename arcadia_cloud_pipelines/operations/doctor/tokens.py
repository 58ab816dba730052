"""Tokens, their scopes, and the key pair of Spaces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ...digitalocean import (
    Account,
    CallBudget,
    DigitalOcean,
    DigitalOceanError,
    Forbidden,
    NotFound,
)
from ...digitalocean.calls import SharedCalls
from ...digitalocean.rate_limits import HOURLY
from ...digitalocean.spaces import Spaces
from ...inventory.accounts import odd_tokens
from ...inventory.buckets import list_buckets
from ...inventory.freshness import synced_accounts
from ...kinds import KIND_BY_NAME, KINDS, PROJECT
from ...settings import Purpose, Settings, SettingsError
from ...settings.secret import Secret
from ...settings.teams import read_teams
from ...warehouse.engine import Warehouse
from ..home import Home
from ..simulated import open_account
from .findings import Finding, neither, well, wrong


def check_tokens(settings: Settings, home: Home, warehouse: Warehouse | None) -> Iterator[Finding]:
    """Is there a token for each purpose, is it valid, and may it read what is read with it?"""
    if settings.accounts is not None:
        yield from _check_teams(settings, warehouse)
        return
    if not settings.tokens:
        known = synced_accounts(warehouse) if warehouse is not None else {}
        real = known.keys() - {open_account(home).team_uuid}
        if real:
            yield wrong(
                "token",
                f"none is set, but the warehouse mirrors the account {min(real)}",
                "run `arcadia init`, or set DO_API_TOKEN",
            )
        else:
            yield neither(
                "token", "none is set, so `make up` uses the simulator: `arcadia init` sets one"
            )
        return
    yield from _check_purposes(settings, warehouse)


def _check_teams(settings: Settings, warehouse: Warehouse | None) -> Iterator[Finding]:
    """Look at the tokens of each team; what is wrong with one hides nothing of the others."""
    try:
        teams = read_teams(settings)
    except SettingsError as error:
        yield wrong("teams", str(error), "correct the file: no team is mirrored until then")
        return
    for name, team in teams.items():
        if team.problem is not None:
            yield wrong(f"team {name}", team.problem, "correct its entry; other teams go on")
            continue
        for finding in _check_purposes(team.settings, warehouse):
            yield replace(finding, subject=f"team {name}: {finding.subject}")


def _check_purposes(settings: Settings, warehouse: Warehouse | None) -> Iterator[Finding]:
    by_token: dict[Secret, list[Purpose]] = {}
    for purpose in Purpose:
        try:
            settings.token(purpose)
        except SettingsError as error:
            yield wrong(
                f"token {purpose.value}",
                str(error),
                "do what this sentence says; the rest works without",
            )
            continue
        by_token.setdefault(settings.tokens[purpose], []).append(purpose)
    of_purpose: dict[Purpose, Account] = {}
    for token, purposes in by_token.items():
        whole = len(purposes) == len(Purpose)
        subject = "token" if whole else f"token {', '.join(p.value for p in purposes)}"
        calls = SharedCalls(warehouse, token) if warehouse is not None else None
        with DigitalOcean(
            settings.api_url, token, purpose=purposes[0].value, timeout=(5, 20), attempts=2,
            budget=CallBudget(shared=calls),
        ) as client:  # fmt: skip
            try:
                account = client.account()
            except DigitalOceanError as error:
                yield wrong(subject, str(error), error.advice)
                continue
            if settings.expected_account not in (None, account.uuid):
                yield wrong(
                    subject,
                    f"it is of account {account.uuid}, and {settings.expected_account} is expected",
                    f"set a token of {settings.team}, or correct `account` in its entry",
                )
                continue
            of_purpose |= dict.fromkeys(purposes, account)
            yield well(subject, f"valid, account {account.name or account.uuid}")
            yield from check_scopes(client, subject, purposes)
        if calls is not None:
            yield well("rate limit", f"{calls.last_hour():,} of {HOURLY:,} calls in the last hour")
    for problem in odd_tokens(of_purpose):
        advice = "set tokens of one team: a deployment mirrors one"
        if settings.team is not None:
            advice = f"set tokens of {settings.team} for all purposes in its entry"
        yield wrong("accounts", problem, advice)


def _probes() -> Iterator[tuple[Purpose, str, str, dict[str, Any]]]:
    """Purpose, scope, path and query of one small request for each thing that is read."""
    for kind in KINDS:
        for listed in (kind, *(KIND_BY_NAME[more.kind] for more in kind.supplements)):
            for endpoint in listed.endpoints:
                if endpoint.per is not None:
                    continue  # the parents' listing asks for the same scope
                page = {"per_page": 1} if endpoint.paged else {}
                yield kind.purpose, listed.scope, endpoint.path, {**endpoint.params, **page}
    yield PROJECT.purpose, PROJECT.scope, "/v2/projects", {"per_page": 1}
    yield Purpose.CLOUD_BILLING, "billing:read", "/v2/customers/my/balance", {}


def check_scopes(
    client: DigitalOcean, subject: str, purposes: Sequence[Purpose]
) -> Iterator[Finding]:
    """Name the read scopes that the token lacks for what it is used for."""
    asked = missing = 0
    refused: set[str] = set()
    for purpose, scope, path, params in _probes():
        if purpose not in purposes or scope in refused:
            continue
        asked += 1
        try:
            client.get(path, params, scope=scope)
        except Forbidden:
            refused.add(scope)
            missing += 1
            yield wrong(
                f"scope {scope}",
                f"the {subject} does not have this scope: GET {path} is refused",
                "make a new token that has it, as the scopes of a token cannot be changed, and run "
                "`arcadia init`",
            )
        except NotFound:
            pass  # a feature that the team never used
        except DigitalOceanError as error:
            yield wrong(f"scope {scope}", str(error), error.advice)
            if error.transient:
                return
    if asked and not missing:
        yield well("scopes", f"the {subject} may read everything that it is used for")


def check_spaces(settings: Settings) -> Iterator[Finding]:
    """Is there a key pair for Spaces, and may it list the buckets of every region?"""
    if settings.accounts is None:
        yield _check_spaces(settings)
        return
    try:
        teams = read_teams(settings)
    except SettingsError:
        return  # said of the tokens
    for name, team in teams.items():
        if team.problem is None:
            finding = _check_spaces(team.settings)
            yield replace(finding, subject=f"team {name}: {finding.subject}")


def _check_spaces(settings: Settings) -> Finding:
    spaces = settings.spaces
    if spaces.key is None:
        return neither(
            "Spaces",
            "no key pair is set, so only buckets are known that a project, a CDN endpoint or a "
            "Spaces key names: set SPACES_ACCESS_KEY_ID and SPACES_SECRET_ACCESS_KEY to list all",
        )
    try:
        listing = list_buckets(Spaces(spaces.endpoint, spaces.key, attempts=1), spaces.regions)
    except SettingsError as error:
        return wrong("Spaces", str(error), "do what this sentence says; the rest works without")
    except DigitalOceanError as error:
        return wrong("Spaces", str(error), error.advice)
    if listing.reason is not None:
        return wrong(
            "Spaces",
            listing.reason,
            "check SPACES_REGIONS and the key pair; other regions are read",
        )
    return well("Spaces", f"{len(listing.items):,} buckets in {len(spaces.regions):,} regions")
