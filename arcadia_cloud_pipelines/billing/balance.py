"""The balance, one snapshot a poll."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa

from ..common.times import Clock, parse_time, utc_now
from ..digitalocean import BadAnswer, DigitalOcean
from ..warehouse.engine import Warehouse
from .money import AmountError, parse_amount
from .tables import cloud_balance_snapshots

ENDPOINT = "/v2/customers/my/balance"
SCOPE = "billing:read"


@dataclass(frozen=True)
class Balance:
    """One snapshot; US dollars."""

    month_to_date_balance: Decimal
    account_balance: Decimal
    month_to_date_usage: Decimal
    generated_at: datetime
    """When DigitalOcean computed it; two polls may get the same one."""
    captured_at: datetime
    is_repeat: bool = False


def read_balance(client: DigitalOcean, captured_at: datetime) -> Balance:
    """Ask for the balance.

    Raises:
        BadAnswer: an amount or the time cannot be read.
        DigitalOceanError: the call failed.
    """
    answer = client.get(ENDPOINT, scope=SCOPE)
    generated_at = parse_time(answer.get("generated_at"))
    if generated_at is None:
        raise BadAnswer(f"GET {ENDPOINT}", "has no valid generated_at")
    try:
        return Balance(
            month_to_date_balance=parse_amount(answer.get("month_to_date_balance")),
            account_balance=parse_amount(answer.get("account_balance")),
            month_to_date_usage=parse_amount(answer.get("month_to_date_usage")),
            generated_at=generated_at,
            captured_at=captured_at,
        )
    except AmountError as error:
        raise BadAnswer(f"GET {ENDPOINT}", f"has an amount that is not valid: {error}") from None


def snapshot_balance(
    warehouse: Warehouse, client: DigitalOcean, *, now: Clock = utc_now
) -> Balance:
    """Append one snapshot, marked when it is the one we had already.

    Raises:
        DigitalOceanError: the balance could not be read; nothing was written.
        WarehouseError: the warehouse is away or not migrated; nothing was written.
    """
    warehouse.check_migrated()
    account = client.account().uuid
    balance = read_balance(client, now())
    table = cloud_balance_snapshots
    newest = (
        sa.select(table.c.generated_at)
        .where(table.c.account == account)
        .order_by(table.c.captured_at.desc(), table.c.id.desc())
        .limit(1)
    )
    with warehouse.transaction() as connection:
        is_repeat = connection.execute(newest).scalar() == balance.generated_at
        stored = replace(balance, is_repeat=is_repeat)
        connection.execute(table.insert().values(account=account, **vars(stored)))
    return stored


def accrual_of_month(
    warehouse: Warehouse, account: str, at: datetime
) -> list[tuple[datetime, Decimal]]:
    """(generated_at, month_to_date_usage) of the month of `at`, oldest first, repeats left out."""
    table = cloud_balance_snapshots
    month = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    query = (
        sa.select(table.c.generated_at, table.c.month_to_date_usage)
        .where(table.c.account == account, table.c.generated_at >= month, ~table.c.is_repeat)
        .order_by(table.c.generated_at)
    )
    with warehouse.transaction() as connection:
        return list(connection.execute(query).tuples())
