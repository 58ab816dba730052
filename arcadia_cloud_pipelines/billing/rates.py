"""The rate card: what DigitalOcean's catalogue asks for each plan, and since when.

`GET /v2/sizes` gives today's list prices and no history. Each daily reading that finds another
price closes the old one and opens the new. A plan that left the catalogue keeps its price: droplets
that have it go on paying it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from ..common.times import Clock, utc_now
from ..digitalocean import BadAnswer, DigitalOcean
from ..digitalocean.list_answers import identity_of
from ..digitalocean.pages import read_listing
from ..warehouse.copy import copy_rows
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements

ENDPOINT = "/v2/sizes"
SCOPE = "sizes:read"

_SQL = Statements(__file__)

_CENT = Decimal("0.01")
# Prices are floats in the answer, the hourly one with the noise of a 32-bit float:
# 0.00743999984115362 is 0.00744.
_HOURLY = Decimal("0.00001")


@dataclass(frozen=True)
class Rate:
    """List price of one plan; US dollars."""

    size_slug: str
    hourly: Decimal
    monthly: Decimal


@dataclass(frozen=True)
class RateCard:
    """Result of one reading."""

    plans: int
    changed: int
    """Plans with a price that is new or another than before."""
    complete: bool
    api_calls: int
    problem: str | None = None
    """Why it is not complete."""


def parse_rates(items: Iterable[dict[str, Any]]) -> list[Rate]:
    """Read the prices of the catalogue's plans.

    Raises:
        BadAnswer: a plan has no slug or no price.
    """
    rates = []
    for item in items:
        slug = item.get("slug")
        hourly, monthly = item.get("price_hourly"), item.get("price_monthly")
        if not isinstance(slug, str) or not slug:
            raise BadAnswer(f"GET {ENDPOINT}", "has a size without a slug")
        if not _is_price(hourly) or not _is_price(monthly):
            raise BadAnswer(f"GET {ENDPOINT}", f"has no price for the size {slug[:60]}")
        rates.append(
            Rate(
                slug,
                Decimal(str(hourly)).quantize(_HOURLY),
                Decimal(str(monthly)).quantize(_CENT),
            )
        )
    return rates


def _is_price(value: object) -> bool:
    # NaN fails both comparisons; no plan costs a million dollars an hour.
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1_000_000


def sync_rates(warehouse: Warehouse, client: DigitalOcean, *, now: Clock = utc_now) -> RateCard:
    """Read the catalogue and date what changed, in one transaction.

    Raises:
        DigitalOceanError: it could not be read; nothing was written.
        WarehouseError: the warehouse is away or not migrated; nothing was written.
    """
    warehouse.check_migrated()
    account = client.account().uuid
    listing = read_listing(
        client, ENDPOINT, envelope="sizes", identity=identity_of("slug"), scope=SCOPE
    )
    rates = parse_rates(listing.items)
    with warehouse.transaction() as connection:
        changed = _store(connection, account, rates, now())
    return RateCard(
        len(rates), changed, listing.complete, listing.api_calls, problem=listing.reason
    )


def _store(
    connection: sa.Connection, account: str, rates: Iterable[Rate], seen_at: datetime
) -> int:
    scope = {"account": account, "seen_at": seen_at}
    _SQL.run(connection, "lock", scope)
    _SQL.run(connection, "create_listed")
    copy_rows(
        connection,
        "listed_rates",
        ("size_slug", "hourly", "monthly"),
        ((rate.size_slug, rate.hourly, rate.monthly) for rate in rates),
    )
    _SQL.run(connection, "close_changed", scope)
    return int(_SQL.run(connection, "open_new", scope).rowcount)
