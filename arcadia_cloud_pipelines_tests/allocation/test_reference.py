"""Random rules over random invoices: every cent is allocated once, as the plain model says."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from arcadia_cloud_pipelines.allocation.allocate import apply
from arcadia_cloud_pipelines.allocation.rules import parse_allocation_rules

from ..marts.conftest import Account
from . import model

OWNERS = {"pa": "a", "pb": "b", "pn": None}
TENANTS = ("a", "b", "c")
PRODUCTS = ("Droplets", "Volumes", "Databases", *model.FOLLOWERS)
BACK = (1, 2)

amounts = st.decimals(-15, 20, places=2) | st.decimals(-1, 1, places=5)
lines = st.tuples(
    amounts, st.sampled_from(PRODUCTS), st.sampled_from((None, "pa", "pb", "pn", "unknown"))
)
invoices = st.lists(
    st.tuples(st.sampled_from(BACK), st.integers(0, 4).map(bool), st.just(Decimal(0)) | amounts,
              st.lists(lines, min_size=2, max_size=7)),
    min_size=2, max_size=4,
)  # fmt: skip


@st.composite
def rule_lists(draw: st.DrawFn, months: tuple[str, ...]) -> list[dict[str, Any]]:
    """Rules that can be used: `of` names rules before, so there is no circle."""
    rules: list[dict[str, Any]] = []
    for number in range(draw(st.integers(0, 5))):
        rule: dict[str, Any] = {"name": f"r{number}"}
        # A rule for everything hides those after it.
        if number < 4:
            rule["product"] = draw(
                st.lists(st.sampled_from(PRODUCTS), min_size=1, max_size=3, unique=True)
            )
        if draw(st.integers(0, 4)) == 0:
            rule["project"] = draw(st.sampled_from(("pa", "pn", "unknown")))
        if draw(st.integers(0, 5)) == 0:
            rule["charge"] = draw(st.sampled_from(("usage", "tax", "credit", "summary")))
        if draw(st.integers(0, 5)) == 0:
            rule[draw(st.sampled_from(("from", "to")))] = draw(st.sampled_from(months))
        among = st.lists(st.sampled_from(TENANTS), min_size=1, unique=True)
        match draw(
            st.sampled_from(("spend", "spend", "tenant", "shares", "even", "project", "nobody"))
        ):
            case "tenant":
                rule["tenant"] = draw(st.sampled_from(TENANTS))
            case "shares":
                first = draw(st.decimals("0.001", "0.999", places=3))
                rule["shares"] = {"a": first, "c": 1 - first}
            case "even":
                rule |= {"by": "even", "among": draw(among)}
            case "spend":
                rule["by"] = "spend"
                if draw(st.booleans()):
                    rule["among"] = draw(among)
                if draw(st.booleans()):
                    names = [*(r["name"] for r in rules), "project's tenant"]
                    rule["of"] = draw(
                        st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True)
                    )
            case "project":
                rule["by"] = "project"
            case _:
                rule["unallocated"] = "written off"
        rules.append(rule)
    return rules


def toml(rules: list[dict[str, Any]]) -> str:
    def value(one: Any) -> str:
        if isinstance(one, dict):
            return "{" + ", ".join(f"{name} = {value(v)}" for name, v in one.items()) + "}"
        if isinstance(one, list):
            return f"[{', '.join(map(value, one))}]"
        return str(one) if isinstance(one, Decimal) else f'"{one}"'

    tables = ("\n".join(["[[rule]]", *(f"{k} = {value(v)}" for k, v in r.items())]) for r in rules)
    return "\n".join([f"tenants = {value(list(TENANTS))}", "rule = []" if not rules else "",
                      *tables])  # fmt: skip


def write(account: Account, drawn: list[Any]) -> list[model.Entry]:
    """Write the invoices, and return what the model takes."""
    for name, tenant in OWNERS.items():
        account.project(name, tenant)
    entries = []
    for number, (back, is_read, rest, its_lines) in enumerate(drawn):
        name, month = f"invoice-{number}", f"{account.month(back):%Y-%m}"
        if not is_read:
            account.invoice(name, str(rest), back, ingest_status="pending")
            if rest:
                entries.append(model.Entry(name, 0, month, rest, is_read=False))
            continue
        total = sum((amount for amount, _, _ in its_lines), rest)
        invoice = account.invoice(name, str(total), back, lines_total=0)
        if rest:
            entries.append(model.Entry(name, 0, month, rest))
        for place, (amount, product, project) in enumerate(its_lines, 1):
            account.line(invoice, str(amount), product=product, project_name=project,
                         line_number=place)  # fmt: skip
            entries.append(model.Entry(name, place, month, amount, product, project))
    return entries


def stored(account: Account) -> dict[tuple[str, int, model.Who], model.Row]:
    rows = account.connection.execute(sa.text(
        "SELECT i.invoice_uuid, a.line_number, a.tenant_id, a.reason, a.rule, a.share, a.amount"
        " FROM cloud_cost_allocations AS a JOIN cloud_invoices AS i ON i.id = a.invoice_id"
    )).all()  # fmt: skip
    found = {
        (uuid, line, (tenant, reason)): model.Row(rule, Fraction(share), amount)
        for uuid, line, tenant, reason, rule, share, amount in rows
    }
    assert len(found) == len(rows)
    return found


@settings(max_examples=settings().max_examples * 2)
@given(data=st.data(), drawn=invoices)
def test_every_cent_is_allocated_once_whatever_was_applied_before(
    account: Account, data: st.DataObject, drawn: list[Any]
) -> None:
    months = tuple(f"{account.month(back):%Y-%m}" for back in (1, 2, 3))
    point = account.connection.begin_nested()
    try:
        entries = write(account, drawn)
        for rules in data.draw(st.lists(rule_lists(months), min_size=1, max_size=2)):
            apply(account.connection, parse_allocation_rules(toml(rules), "r"), source="r")
            assert stored(account) == model.allocate(entries, rules, OWNERS)
        differing = account.connection.execute(sa.text(
            "SELECT account, period, sum(amount) FROM cloud_invoices GROUP BY 1, 2"
            " EXCEPT SELECT account, period, sum(amount) FROM marts.cost_by_tenant GROUP BY 1, 2"
        )).all()  # fmt: skip
        # A month of nothing has no row to compare.
        assert [row for row in differing if row[2]] == []
    finally:
        point.rollback()


@given(
    amount=st.decimals(-1000, 1000, places=4),
    weights=st.lists(st.decimals("0.0001", 1000, places=4), min_size=1, max_size=9),
)
def test_the_model_itself_divides_to_the_last_digit(
    amount: Decimal, weights: list[Decimal]
) -> None:
    parts = model._divide(amount, {(f"t{n}", None): Fraction(w) for n, w in enumerate(weights)})
    assert sum(share for share, _ in parts.values()) == 1
    assert sum(part for _, part in parts.values()) == amount
