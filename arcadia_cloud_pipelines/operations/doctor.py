"""`arcadia doctor`: is all well, and if not, what is to be done?

Each check asks one thing and answers in a `Finding`. None changes anything, nor starts anything.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

import requests
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from ..digitalocean import Account, Budget, DigitalOcean, DigitalOceanError, Forbidden, NotFound
from ..digitalocean.budget import HOURLY
from ..digitalocean.calls import SharedCalls
from ..digitalocean.spaces import Spaces
from ..folders import FolderError, check_home
from ..inventory import projects
from ..inventory.accounts import foreign_rows, odd_tokens, stale_accounts
from ..inventory.buckets import list_buckets
from ..inventory.freshness import ahead_of_time
from ..inventory.kinds import KIND_BY_NAME, KINDS
from ..settings import Purpose, Secret, Settings, SettingsError
from ..times import Clock, utc_now
from ..warehouse.embedded import EmbeddedPostgresError
from ..warehouse.engine import (
    Warehouse,
    WarehouseError,
    running_dagster_url,
    running_warehouse,
)
from .home import Home
from .simulated import open_account
from .status import accounts, newest_syncs

OLDEST_SERVER = 14
ROLES = ("arcadia_reader", "arcadia_tenant")
LEAST_FREE = 2**30
CLOCK_TOLERANCE = timedelta(seconds=60)
STALE_AFTER = timedelta(hours=3)
"""As the check `fresh` has it."""


class State(StrEnum):
    """How one thing is."""

    WELL = "well"
    WRONG = "wrong"
    NEITHER = "neither"
    """Not there, not needed, or not askable now."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    state: State
    subject: str
    text: str
    remedy: str | None = None
    """What to do; always there when something is wrong."""


def _well(subject: str, text: str) -> Finding:
    return Finding(State.WELL, subject, text)


def _neither(subject: str, text: str) -> Finding:
    return Finding(State.NEITHER, subject, text)


def _wrong(subject: str, text: str, remedy: str) -> Finding:
    return Finding(State.WRONG, subject, text, remedy)


def examine(settings: Settings, now: Clock = utc_now) -> Iterator[Finding]:
    """Look at everything, in the order in which things depend on each other."""
    home = Home(settings.home)
    yield from check_folder(settings, home)
    warehouse, findings = check_warehouse(settings)
    yield from findings
    yield from check_dagster_storage(settings)
    yield from check_tokens(settings, home, warehouse, now)
    yield check_spaces(settings)
    if warehouse is not None:
        yield from check_freshness(settings, home, warehouse, now())
        yield from check_rows(warehouse)
    yield check_deployment(home)


def check_folder(settings: Settings, home: Home) -> Iterator[Finding]:
    """The local folder: may it be written, is there room, is Dagster's instance in it?"""
    try:
        check_home(home.path)
    except FolderError as error:
        yield _wrong("folder", str(error), "as said")
        return
    existing = home.path
    while not existing.exists():
        existing = existing.parent
    if not os.access(existing, os.W_OK):
        yield _wrong(
            "folder",
            f"{home.path} cannot be written by this user",
            "make it writable, or set ARCADIA_HOME to a folder that is",
        )
        return
    free = shutil.disk_usage(existing).free
    size = f"{free / 2**30:.1f} GiB free"
    if free < LEAST_FREE:
        yield _wrong("folder", f"{home.path}: only {size}", "free some disk space")
    else:
        yield _well("folder", f"{home.path}: writable, {size}")
    if settings.database_url is not None and settings.dagster_database_url is not None:
        yield _neither("embedded server", "not used: both databases are given by URL")
    instance = home.dagster / "dagster.yaml"
    if not instance.is_file():
        yield _neither("DAGSTER_HOME", f"{home.dagster}: made by the first `arcadia up` or `demo`")
    elif not os.access(home.dagster, os.W_OK) or not os.access(instance, os.R_OK):
        yield _wrong(
            "DAGSTER_HOME",
            f"{home.dagster} cannot be written by this user",
            "run as the user who owns it, or give it to this one",
        )
    else:
        yield _well("DAGSTER_HOME", str(home.dagster))


def check_warehouse(settings: Settings) -> tuple[Warehouse | None, list[Finding]]:
    """Reachable, new enough, migrated, with its roles?

    Returns:
        The warehouse, None unless it can be asked for rows.
    """
    from ..warehouse.migrate import current_revision, head_revision

    variable = "ARCADIA_DATABASE_URL" if settings.database_url is not None else "the disk"
    try:
        warehouse = running_warehouse(settings)
        if warehouse is None:
            return None, [_embedded_is_down(settings, "warehouse")]
        with warehouse.transaction() as connection:
            number = int(connection.execute(sa.text("SHOW server_version_num")).scalar_one())
            revision = current_revision(connection)
            roles = set(
                connection.execute(
                    sa.text("SELECT rolname FROM pg_roles WHERE rolname = ANY(:roles)"),
                    {"roles": list(ROLES)},
                ).scalars()
            )
    except (WarehouseError, EmbeddedPostgresError, SettingsError) as error:
        return None, [_wrong("warehouse", str(error), f"check the server and {variable}")]
    except SQLAlchemyError as error:
        return None, [
            _wrong("warehouse", f"{type(error).__name__}", f"check the server and {variable}")
        ]
    major = number // 10_000
    kind = "embedded PostgreSQL" if warehouse.embedded else "PostgreSQL"
    found = []
    if major < OLDEST_SERVER:
        found.append(
            _wrong(
                "warehouse",
                f"{warehouse.place}: PostgreSQL {major}, which is too old",
                f"move to a server of version {OLDEST_SERVER} or newer",
            )
        )
    else:
        found.append(_well("warehouse", f"{warehouse.place}: {kind} {major}"))
    head = head_revision()
    migrated = revision == head
    if migrated:
        found.append(_well("schema", head))
    elif warehouse.embedded and revision is None:
        found.append(_neither("schema", "none yet: the first use makes it"))
    else:
        found.append(
            _wrong("schema", f"{revision or 'none'}, this release needs {head}",
                   "run `arcadia migrate`; if the schema is the newer, install the newer release")
        )  # fmt: skip
    for role in ROLES:
        if role in roles:
            found.append(_well("role", role))
        elif migrated:
            found.append(
                _wrong("role", f"{role} is missing",
                       f"as an administrator: CREATE ROLE {role} NOLOGIN, then run "
                       "`arcadia migrate` or grant it SELECT on the cloud_ tables")
            )  # fmt: skip
    return (warehouse if migrated else None), found


def _embedded_is_down(settings: Settings, subject: str) -> Finding:
    """Tell a server that nobody needs now from one that should be there. Neither is started."""
    if Home(settings.home).in_use():
        return _wrong(
            subject,
            f"the embedded PostgreSQL of {settings.home} does not answer to `arcadia up`",
            f"wait half a minute for its restart; then see {settings.home}/logs/postgres.log",
        )
    return _neither(subject, "the embedded PostgreSQL is not running: the next use starts it")


def check_dagster_storage(settings: Settings) -> Iterator[Finding]:
    """Dagster's own database: does it answer, and have its pools their slots?"""
    try:
        url = running_dagster_url(settings)
        if url is None:
            yield _embedded_is_down(settings, "Dagster storage")
            return
        engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"connect_timeout": 10})
        with engine.connect() as connection:
            place = f"PostgreSQL, database {engine.url.database}"
            if connection.execute(sa.text("SELECT to_regclass('event_logs')")).scalar() is None:
                yield _neither("Dagster storage", f"{place}: empty, Dagster fills it at first use")
                return
            yield _well("Dagster storage", place)
            limits = dict(
                connection.execute(
                    sa.text('SELECT concurrency_key, "limit" FROM concurrency_limits')
                )
                .tuples()
                .all()
            )
    except (EmbeddedPostgresError, SettingsError) as error:
        yield _wrong("Dagster storage", str(error), "check the disk and DAGSTER_POSTGRES_URL")
        return
    except SQLAlchemyError as error:
        reason = " ".join(str(getattr(error, "orig", "") or type(error).__name__).split())
        yield _wrong("Dagster storage", reason, "check the server and DAGSTER_POSTGRES_URL")
        return
    missing = [purpose.value for purpose in Purpose if purpose.value not in limits]
    closed = [purpose.value for purpose in Purpose if limits.get(purpose.value) == 0]
    if closed:
        yield _wrong(
            "pools",
            f"{', '.join(closed)}: no slots, so nothing in them ever runs",
            f"run `dagster instance concurrency set {closed[0]} 1` (and so on)",
        )
    elif missing:
        yield _neither("pools", f"{', '.join(missing)}: set by the first `arcadia up` or `demo`")
    else:
        slots = ", ".join(f"{name} {limits[name]}" for name in sorted(limits) if name in {*Purpose})
        yield _well("pools", slots)


def check_tokens(
    settings: Settings, home: Home, warehouse: Warehouse | None, now: Clock
) -> Iterator[Finding]:
    """Is there a token for each purpose, is it valid, and may it read what is read with it?"""
    if not settings.tokens:
        known = accounts(warehouse) if warehouse is not None else {}
        real = known.keys() - {open_account(home).team_uuid}
        if real:
            yield _wrong(
                "token",
                f"none is set, but the warehouse mirrors the account {min(real)}",
                "set DO_API_TOKEN",
            )
        else:
            yield _neither(
                "token", "none is set: `make demo` and `make up` use the simulator (DO_API_TOKEN)"
            )
        return
    yield from check_clock(settings, now)
    by_token: dict[Secret, list[Purpose]] = {}
    for purpose in Purpose:
        try:
            settings.token(purpose)
        except SettingsError as error:
            yield _wrong(f"token {purpose.value}", str(error), "as said; the rest works without")
            continue
        by_token.setdefault(settings.tokens[purpose], []).append(purpose)
    of_purpose: dict[Purpose, Account] = {}
    for token, purposes in by_token.items():
        whole = len(purposes) == len(Purpose)
        subject = "token" if whole else f"token {', '.join(p.value for p in purposes)}"
        calls = SharedCalls(warehouse, token) if warehouse is not None else None
        with DigitalOcean(
            settings.api_url, token, purpose=purposes[0].value, timeout=(5, 20), attempts=2,
            budget=Budget(shared=calls),
        ) as client:  # fmt: skip
            try:
                account = client.account()
            except DigitalOceanError as error:
                yield _wrong(subject, str(error), error.advice)
                continue
            of_purpose |= dict.fromkeys(purposes, account)
            yield _well(subject, f"valid, account {account.name or account.uuid}")
            yield from check_scopes(client, subject, purposes)
        if calls is not None:
            yield _well("rate limit", f"{calls.last_hour():,} of {HOURLY:,} calls in the last hour")
    for problem in odd_tokens(of_purpose):
        yield _wrong("accounts", problem, "one deployment mirrors one team")


def _probes() -> Iterator[tuple[Purpose, str, str, dict[str, Any]]]:
    """Purpose, scope, path and query of one small request for each thing that is read."""
    for kind in KINDS:
        for listed in (kind, *(KIND_BY_NAME[more.kind] for more in kind.supplements)):
            for endpoint in listed.endpoints:
                if endpoint.per is not None:
                    continue  # the parents' listing asks for the same scope
                page = {"per_page": 1} if endpoint.paged else {}
                yield kind.purpose, listed.scope, endpoint.path, {**endpoint.params, **page}
    yield projects.PURPOSE, projects.SCOPE, "/v2/projects", {"per_page": 1}
    yield Purpose.CLOUD_BILLING, "billing:read", "/v2/customers/my/balance", {}


def check_scopes(
    client: DigitalOcean, subject: str, purposes: Sequence[Purpose]
) -> Iterator[Finding]:
    """Which read scopes does the token lack, for what it is used for?"""
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
            yield _wrong(
                f"scope {scope}",
                f"the {subject} lacks it: GET {path} is refused",
                "make a new token that has it (scopes of a token cannot be changed)",
            )
        except NotFound:
            pass  # a feature that the team never used
        except DigitalOceanError as error:
            yield _wrong(f"scope {scope}", str(error), error.advice)
            if error.transient:
                return
    if asked and not missing:
        yield _well("scopes", f"the {subject} may read everything that it is used for")


def check_spaces(settings: Settings) -> Finding:
    """Is there a key pair for Spaces, and may it list the buckets of every region?"""
    spaces = settings.spaces
    if spaces.key is None:
        return _neither(
            "Spaces",
            "no key pair is set, so only the buckets that something else names are known "
            "(SPACES_ACCESS_KEY_ID, SPACES_SECRET_ACCESS_KEY)",
        )
    try:
        listing = list_buckets(Spaces(spaces.endpoint, spaces.key, attempts=1), spaces.regions)
    except DigitalOceanError as error:
        return _wrong("Spaces", str(error), error.advice)
    if listing.reason is not None:
        return _wrong("Spaces", listing.reason, "as said; the other regions are read")
    return _well("Spaces", f"{len(listing.items):,} buckets in {len(spaces.regions):,} regions")


def check_clock(settings: Settings, now: Clock) -> Iterator[Finding]:
    """Does this machine's clock agree with the API's?"""
    try:
        # Without the token: any answer has the time.
        answer = requests.get(
            f"{settings.api_url}/v2/account", timeout=(5, 20), allow_redirects=False
        )
    except requests.RequestException:
        yield _neither("clock", "the API does not answer, so there is nothing to compare with")
        return
    local = now()
    theirs: datetime | None = None
    with suppress(ValueError, TypeError):
        theirs = parsedate_to_datetime(answer.headers.get("date", ""))
    if theirs is None or theirs.tzinfo is None:
        yield _neither("clock", "the API's answer has no time to compare with")
        return
    off = (local - theirs).total_seconds()
    text = f"{abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} the API's"
    if abs(off) > CLOCK_TOLERANCE.total_seconds():
        yield _wrong("clock", text, "set this machine's clock, with NTP")
    else:
        yield _well("clock", text)


def check_freshness(
    settings: Settings, home: Home, warehouse: Warehouse, now: datetime
) -> Iterator[Finding]:
    """How old is the newest complete sync of each kind? Nothing if there never was one."""
    syncs = newest_syncs(warehouse)
    if not syncs:
        yield _neither("freshness", "nothing was synced yet")
        return
    stale = []
    never = []
    for sync in syncs:
        if not sync.available:
            never.append(sync.kind)
        elif sync.complete_at is None or now - sync.complete_at > STALE_AFTER:
            age = "never" if sync.complete_at is None else f"{_age(now - sync.complete_at)} ago"
            stale.append(f"{sync.kind} {age}")
    fresh = len(syncs) - len(stale) - len(never)
    hours = f"{STALE_AFTER.total_seconds() / 3600:.0f} hours"
    if never:
        yield _neither("freshness", f"not available: {', '.join(never)}")
    if not stale:
        yield _well("freshness", f"{fresh} kinds listed completely in the last {hours}")
    elif not settings.tokens and not home.in_use():
        yield _neither(
            "freshness", f"simulated, from {_age(now - max(s.started_at for s in syncs))} ago"
        )
    else:
        yield _wrong(
            "freshness",
            f"not listed completely in the last {hours}: {', '.join(stale)}",
            "run `make up` if it is not running, else look at the runs in the Dagster UI and at "
            "`arcadia inventory status`",
        )


def check_rows(warehouse: Warehouse) -> Iterator[Finding]:
    """Are rows dated ahead of now, or of accounts that nobody lists any more?"""
    for ahead in ahead_of_time(warehouse):
        yield _wrong(
            "clock of a sync",
            f"the sync {ahead.id} of {ahead.kind} is dated {ahead.started_at:%Y-%m-%d %H:%M} UTC, "
            "ahead of now",
            f"set the clocks with NTP, then `arcadia inventory void-sync {ahead.id}`",
        )
    for stale in stale_accounts(warehouse):
        yield _wrong(
            "accounts",
            f"{stale.rows:,} live rows are of account {stale.account}, which nobody lists any more",
            f"if it is over: `arcadia inventory retire-account {stale.account}`",
        )
    for foreign in foreign_rows(warehouse):
        yield _wrong(
            "accounts", str(foreign), "retire the other account if it is over (inventory status)"
        )


def _age(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} minutes"
    return f"{minutes // 60} hours" if minutes < 2880 else f"{minutes // 1440} days"


def check_deployment(home: Home) -> Finding:
    """Is `arcadia up` at work here?"""
    if not home.in_use():
        return _neither("deployment", "not running here (`make up` starts it)")
    state = home.read_state()
    return _well(
        "deployment",
        f"arcadia {state.get('command', 'up')}, process {state.get('pid', 'unknown')}"
        + (f", {state['url']}" if state.get("url") else ""),
    )
