"""Prepayments, and whether usage is about to be stopped.

A team that pays in advance has a balance, and a gate that stops usage when it is blocked. Most
teams have neither: the API then answers 403 or 404, and nothing is written. What an answer does not
say is not known, which is not the same as nothing or no.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..common.times import Clock, utc_now
from ..digitalocean import BadAnswer, DigitalOcean, Forbidden, NotFound
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .balance import SCOPE
from .money import AmountError, parse_amount

STATUS = "/v2/customers/my/prepayment_status"
CONFIG = "/v2/customers/my/prepayment_config"

_SQL = Statements(__file__)


@dataclass(frozen=True)
class Prepayment:
    """One reading; US dollars. None is what the answer did not say."""

    balance: Decimal | None = None
    spend_limit: Decimal | None = None
    prepay_threshold: Decimal | None = None
    blocked: bool | None = None
    eligible: bool | None = None


def parse_prepayment(status: Mapping[str, Any], config: Mapping[str, Any]) -> Prepayment:
    """Read both answers.

    Example: {"balance": "12.50", "blocked": false} and {} give a balance of 12.50 that is not
    blocked, and a spending limit that is not known.
    """
    return Prepayment(
        balance=_amount(status.get("balance")),
        spend_limit=_amount(status.get("spend_limit", config.get("spend_limit"))),
        prepay_threshold=_amount(config.get("prepay_threshold", status.get("prepay_threshold"))),
        blocked=_flag(status.get("blocked")),
        eligible=_flag(status.get("eligible")),
    )


def _amount(value: object) -> Decimal | None:
    if isinstance(value, float):
        return Decimal(str(value)).quantize(Decimal("0.01")) if math.isfinite(value) else None
    try:
        return parse_amount(value)
    except AmountError:
        return None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def sync_prepayment(
    warehouse: Warehouse, client: DigitalOcean, *, now: Clock = utc_now
) -> Prepayment | None:
    """Read the prepayment, and date it where it is another than before.

    Returns:
        What was read; None for a team, or a token, that has none. Nothing was written then.

    Raises:
        DigitalOceanError: it could not be read; nothing was written.
        WarehouseError: the warehouse is away or not migrated; nothing was written.
    """
    warehouse.check_migrated()
    account = client.account().uuid
    try:
        status = _object(client, STATUS, "status")
    except (Forbidden, NotFound) as error:
        client.raise_outage(error)
        return None
    try:
        config = _object(client, CONFIG, "config")
    except (Forbidden, NotFound, BadAnswer):
        config = {}  # the status is worth storing without it
    read = parse_prepayment(status, config)
    with warehouse.transaction() as connection:
        values = {"account": account, "read_at": now(), **vars(read)}
        _SQL.run(connection, "lock", values)
        if _SQL.run(connection, "seen_again", values).rowcount == 0:
            _SQL.run(connection, "append", values)
    return read


def _object(client: DigitalOcean, path: str, envelope: str) -> Mapping[str, Any]:
    found = client.get(path, scope=SCOPE).get(envelope)
    if not isinstance(found, Mapping):
        raise BadAnswer(f"GET {path}", f"has no {envelope}")
    return found
