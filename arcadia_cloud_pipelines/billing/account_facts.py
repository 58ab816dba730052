"""Facts of the account itself: its limits and its state, dated.

`GET /v2/account` also names a person; nothing of that is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..common.times import Clock, utc_now
from ..digitalocean import BadAnswer, DigitalOcean
from ..warehouse.copy import copy_rows
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements

ENDPOINT = "/v2/account"
SCOPE = "account:read"

_SQL = Statements(__file__)


@dataclass(frozen=True)
class AccountFacts:
    """Result of one reading."""

    facts: dict[str, str]
    """Such as {"droplet_limit": "25", "status": "active"}."""
    changed: int
    """Facts that are new, gone or another than before."""


def parse_facts(account: dict[str, Any]) -> dict[str, str]:
    """Return the limits and the state out of the account object, and nothing of a person.

    Example: {"droplet_limit": 25, "email": "…", "status": "active"} gives
    {"droplet_limit": "25", "status": "active"}.
    """
    facts = {
        name: str(value)
        for name, value in account.items()
        if name.endswith("_limit") and isinstance(value, int) and not isinstance(value, bool)
    }
    status = account.get("status")
    if isinstance(status, str) and status.strip():
        facts["status"] = status.strip()[:100]
    return facts


def sync_account_facts(
    warehouse: Warehouse, client: DigitalOcean, *, now: Clock = utc_now
) -> AccountFacts:
    """Read the account and date what changed, in one transaction.

    Raises:
        DigitalOceanError: it could not be read; nothing was written.
        WarehouseError: the warehouse is away or not migrated; nothing was written.
    """
    warehouse.check_migrated()
    uuid = client.account().uuid
    answer = client.get(ENDPOINT, scope=SCOPE).get("account")
    if not isinstance(answer, dict):
        raise BadAnswer(f"GET {ENDPOINT}", "has no account")
    facts = parse_facts(answer)
    with warehouse.transaction() as connection:
        changed = _store(connection, {"account": uuid, "seen_at": now()}, facts)
    return AccountFacts(facts, changed)


def _store(connection: sa.Connection, scope: dict[str, Any], facts: dict[str, str]) -> int:
    _SQL.run(connection, "lock", scope)
    _SQL.run(connection, "create_listed")
    copy_rows(connection, "listed_facts", ("name", "value"), facts.items())
    closed = _SQL.run(connection, "close_changed", scope).rowcount
    opened = _SQL.run(connection, "open_new", scope).rowcount
    return int(max(closed, opened))
