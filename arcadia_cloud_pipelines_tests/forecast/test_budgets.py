"""The file of budgets: what it may say, and that a bad one changes nothing."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from arcadia_cloud_pipelines.forecast.budgets import (
    Budget,
    BudgetsError,
    follow_budgets,
    load_budgets,
)
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

GOOD = """
[[budget]]
name = "all"
amount = 500

[[budget]]
name = "web, prod"
amount = 120.50
tag = "env:prod"
account = "team-1"
"""


def test_a_file_says_what_a_month_may_cost() -> None:
    assert load_budgets(GOOD, "budgets.toml") == (
        Budget("all", Decimal(500)),
        Budget("web, prod", Decimal("120.50"), "team-1", "tag", "env:prod"),
    )
    assert load_budgets("budget = []", "budgets.toml") == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no [[budget]] table: write"),
        ("budget = 1", "has no [[budget]] table: write"),
        ("[[budgets]]\nname='a'\namount=1", "has no [[budget]] table: write"),
        ("[[budget]", "is not valid TOML"),
        ("budget = [1]", "budget 1: must be a table"),
        ("[[budget]]\namount = 1", "budget 1, name: is missing"),
        ("[[budget]]\nname = 'a'", "budget 1 (a), amount: is missing"),
        ("[[budget]]\nname = 'a'\namount = '1'", "amount: must be a number"),
        ("[[budget]]\nname = 'a'\namount = true", "amount: must be a number"),
        ("[[budget]]\nname = 'a'\namount = 0", "amount: must be above 0"),
        ("[[budget]]\nname = 'a'\namount = -1.5", "amount: must be above 0"),
        ("[[budget]]\nname = 'a'\namount = nan", "amount: must be above 0"),
        ("[[budget]]\nname = 'a'\namount = inf", "amount: must be above 0"),
        ("[[budget]]\nname = 'a'\namount = 1e400", "amount: must be above 0"),
        ("[[budget]]\nname = 'a'\namount = 0.001", "at most two decimals"),
        (
            "[[budget]]\nname = 'a'\namount = 1\nkind = 'droplets'",
            "kind: is not a kind; near",
        ),
        ("[[budget]]\nname = ''\namount = 1", "name: must be a text"),
        ("[[budget]]\nname = ' a'\namount = 1", "name: must be a text"),
        ("[[budget]]\nname = 'a'\namount = 1\nproject = 7", "project: must be a text"),
        ("[[budget]]\nname = 'a'\namount = 1\nowner = 'x'", "owner: is not a key"),
        (
            "[[budget]]\nname = 'a'\namount = 1\nkind = 'droplet'\ntag = 'y'",
            "cannot be used tog",
        ),
        (
            GOOD + "[[budget]]\nname = 'all'\namount = 1",
            "budget 3 (all), name: the name is used",
        ),
    ],
)
def test_a_bad_file_is_refused_with_file_budget_and_key(text: str, says: str) -> None:
    with pytest.raises(BudgetsError, match=r"^budgets\.toml") as refused:
        load_budgets(text, "budgets.toml")
    assert says in str(refused.value)


@given(st.text())
def test_no_text_breaks_the_reading(text: str) -> None:
    try:
        load_budgets(text, "budgets.toml")
    except BudgetsError as error:
        assert str(error).startswith("budgets.toml")  # noqa: PT017


def stored(warehouse: Warehouse) -> list[tuple[object, ...]]:
    with warehouse.transaction() as connection:
        return [tuple(row) for row in connection.execute(sa.text(
            "SELECT name, amount, scope, scope_value FROM cloud_budgets ORDER BY name"
        ))]  # fmt: skip


def test_the_file_is_followed_and_a_bad_one_changes_nothing(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    path = tmp_path / "budgets.toml"
    path.write_text(GOOD)
    assert follow_budgets(warehouse, path) == 2
    both = [("all", Decimal(500), "account", None),
            ("web, prod", Decimal("120.50"), "tag", "env:prod")]  # fmt: skip
    assert stored(warehouse) == both
    path.write_text(GOOD + "[[budget]]\nname = 'x'\n")
    with pytest.raises(BudgetsError):
        follow_budgets(warehouse, path)
    with pytest.raises(BudgetsError, match=r"gone\.toml is not a file: set ARCADIA_BUDGETS"):
        follow_budgets(warehouse, tmp_path / "gone.toml")
    assert stored(warehouse) == both
    path.write_text("[[budget]]\nname = 'all'\namount = 600")
    assert follow_budgets(warehouse, path) == 1
    assert stored(warehouse) == [("all", Decimal(600), "account", None)]
    assert follow_budgets(warehouse, None) == 0
    assert stored(warehouse) == []
