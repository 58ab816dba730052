"""The account's log of actions: what was done to which resource, and when.

`GET /v2/actions` grows for ever, so only what is new is read, page by page from its newest end. It
dates a change, and says what was done; it does not say who did it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ..common.times import Clock, parse_time, utc_now
from ..digitalocean import BadAnswer, DigitalOcean, Forbidden, NotFound
from ..kinds import KIND_OF_FORMER_NAME
from ..warehouse.copy import copy_rows
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements

ENDPOINT = "/v2/actions"
SCOPE = "actions:read"

FIRST_DAYS = 90
"""Days that are read the first time: before them there are few events to explain."""
OVERLAP = timedelta(hours=1)
MOST_PAGES = 100
PER_PAGE = 200

_SQL = Statements(__file__)


class Action(NamedTuple):
    """One action."""

    action_id: int
    type: str
    status: str
    kind: str
    provider_id: str | None
    """None for volumes: the log does not say which."""
    region: str | None
    started_at: datetime
    completed_at: datetime | None


@dataclass(frozen=True)
class ActionsRead:
    """Result of one reading."""

    available: bool = True
    """False where the token may not read the log."""
    read: int = 0
    new: int = 0
    unreadable: int = 0
    """Entries without an id or a time; each costs itself alone."""
    complete: bool = True
    """False when there was more than is read at once: the oldest of it is missing."""


def parse_action(item: Any) -> Action | None:
    """Read one entry; None for one that has no id, type or time."""
    if not isinstance(item, dict):
        return None
    number, kind = item.get("id"), item.get("type")
    started_at = parse_time(item.get("started_at"))
    if not isinstance(number, int) or isinstance(number, bool) or started_at is None:
        return None
    if not isinstance(kind, str) or not kind:
        return None
    of, at = str(item.get("resource_type") or "unknown"), item.get("resource_id")
    return Action(
        number, _text(kind), _text(str(item.get("status") or "unknown")),
        _text(KIND_OF_FORMER_NAME.get(of, of)), None if at in (None, "", 0) else _text(str(at)),
        _text(item["region_slug"]) if isinstance(item.get("region_slug"), str) else None,
        started_at, parse_time(item.get("completed_at")),
    )  # fmt: skip


def _text(text: str) -> str:
    return text.replace("\0", "")[:200]


def sync_actions(
    warehouse: Warehouse, client: DigitalOcean, *, now: Clock = utc_now
) -> ActionsRead:
    """Read what is newer than what is known, and what was not finished then, in one transaction.

    Raises:
        DigitalOceanError: a page could not be read; nothing was written.
        WarehouseError: the warehouse is away or not migrated; nothing was written.
    """
    warehouse.check_migrated()
    account = client.account().uuid
    at = now()
    scope = {"account": account, "seen_at": at}
    with warehouse.transaction() as connection:
        known = _SQL.run(connection, "known_until", scope).scalar()
    since = at - timedelta(days=FIRST_DAYS) if known is None else known - OVERLAP
    try:
        items, complete = _read(client, since)
    except (Forbidden, NotFound) as error:
        client.raise_outage(error)
        return ActionsRead(available=False)
    found = [parse_action(item) for item in items]
    actions = {action.action_id: action for action in found if action is not None}
    with warehouse.transaction() as connection:
        _SQL.run(connection, "lock", scope)
        _SQL.run(connection, "create_listed")
        copy_rows(connection, "listed_actions", Action._fields, actions.values())
        new = _SQL.run(connection, "store", scope).scalars().all()
    return ActionsRead(True, len(actions), sum(new), len(items) - len(found) + found.count(None),
                       complete)  # fmt: skip


def _read(client: DigitalOcean, since: datetime) -> tuple[list[Any], bool]:
    """Read pages from the newest end until one has nothing since then."""
    items: list[Any] = []
    first = _page(client, 1)
    for number, page in enumerate(_pages(client, first), 1):
        items += page
        started = [action.started_at for one in page if (action := parse_action(one))]
        if not started or max(started) < since:
            return items, True
        if number == MOST_PAGES:
            return items, False
    return items, True


def _pages(client: DigitalOcean, first: tuple[list[Any], int]) -> Iterator[list[Any]]:
    """Give the pages, the newest first: no order is promised, so the first one shows it."""
    items, total = first
    last = max(1, -(-total // PER_PAGE))
    if last == 1:
        yield items
    elif _is_newest_first(items):
        yield items
        yield from (_page(client, number)[0] for number in range(2, last + 1))
    else:
        yield from (_page(client, number)[0] for number in range(last, 1, -1))
        yield items


def _is_newest_first(items: Iterable[Any]) -> bool:
    ids = [action.action_id for item in items if (action := parse_action(item))]
    return len(ids) < 2 or ids[0] >= ids[-1]


def _page(client: DigitalOcean, number: int) -> tuple[list[Any], int]:
    answer = client.get(ENDPOINT, {"page": number, "per_page": PER_PAGE}, scope=SCOPE)
    items = answer.get("actions")
    if not isinstance(items, list):
        raise BadAnswer(f"GET {ENDPOINT}", "has no list of actions")
    meta = answer.get("meta")
    total = meta.get("total") if isinstance(meta, dict) else None
    return items, total if isinstance(total, int) and not isinstance(total, bool) else len(items)
