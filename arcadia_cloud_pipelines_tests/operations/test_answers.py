"""The first answers that a person reads after the demo."""

from __future__ import annotations

from decimal import Decimal

from arcadia_cloud_pipelines.operations.answers import answers
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..marts.conftest import TEAM, Account


def test_what_is_invoiced_within_the_month_stands_beside_its_use(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        account = Account(connection)
        account.insert(
            "cloud_balance_snapshots", account=TEAM, month_to_date_balance=0, account_balance=0,
            month_to_date_usage=Decimal("3.00"), generated_at=account.now, captured_at=account.now,
        )  # fmt: skip

    def said() -> str:
        [answer] = [a for a in answers(warehouse, TEAM) if a.question.startswith("What will this")]
        return answer.text

    moment = f"{account.now:%-d %B, %H:%M} UTC"
    assert said() == f"No forecast yet; $3.00 until {moment}."
    with warehouse.transaction() as connection:
        Account(connection).invoice("a", "10.00", back=0)
    assert said() == f"No forecast yet; $3.00 until {moment}, beside $10.00 invoiced already."
