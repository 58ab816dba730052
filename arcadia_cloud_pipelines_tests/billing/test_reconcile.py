"""Does an invoice add up, and what explains it when its lines alone do not?"""

from __future__ import annotations

from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import assume, given
from hypothesis import strategies as st

from arcadia_cloud_pipelines.billing.ingest import ingest_invoices
from arcadia_cloud_pipelines.billing.invoices import sync_invoices
from arcadia_cloud_pipelines.billing.reconcile import (
    compare,
    reconcile,
    store_verdicts,
    summary_total,
)
from arcadia_cloud_pipelines.digitalocean import DigitalOcean
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from .conftest import sync_inventory

D = Decimal


@pytest.mark.parametrize(
    ("amount", "lines", "parts", "explained"),
    [
        # A credit that stands only in the summary, with either sign.
        ("42.24", "47.24", {"product_charges": "42.38", "taxes": "4.86",
                            "credits_and_adjustments": "5.00"}, {"credits_and_adjustments"}),
        ("42.24", "47.24", {"product_charges": "42.38", "taxes": "4.86",
                            "credits_and_adjustments": "-5.00"}, {"credits_and_adjustments"}),
        # An adjustment that is added.
        ("12.00", "10.00", {"product_charges": "10.00", "credits_and_adjustments": "2.00"},
         {"credits_and_adjustments"}),
        ("14.86", "10.00", {"product_charges": "10.00", "taxes": "4.86"}, {"taxes"}),
        ("13.00", "10.00", {"product_charges": "10.00", "overages": "3.00"}, {"overages"}),
        ("11.50", "10.00", {"product_charges": "10.00", "user_charges": "1.50"}, {"user_charges"}),
        ("9.00", "10.00", {"product_charges": "10.00", "billing_adjustments": "1.00"},
         {"billing_adjustments"}),
        ("12.86", "10.00", {"product_charges": "10.00", "taxes": "4.86",
                            "credits_and_adjustments": "2.00"},
         {"taxes", "credits_and_adjustments"}),
        # Nothing to pay, or less.
        ("0.00", "10.00", {"product_charges": "10.00", "credits_and_adjustments": "-10.00"},
         {"credits_and_adjustments"}),
        ("-5.00", "10.00", {"product_charges": "10.00", "credits_and_adjustments": "15.00"},
         {"credits_and_adjustments"}),
    ],
)  # fmt: skip
def test_parts_without_a_line_explain_the_difference(
    amount: str, lines: str, parts: dict[str, str], explained: set[str]
) -> None:
    said = {name: D(value) for name, value in parts.items()}
    found = compare(D(amount), D(lines), said, {})
    assert (set(found.parts), found.off_by) == (explained, 0)
    assert D(lines) + sum(found.parts.values()) == D(amount)
    assert summary_total(D(amount), said) == D(amount)


def test_a_part_that_has_its_lines_explains_nothing() -> None:
    parts = {"product_charges": D("10.00"), "taxes": D("2.00")}
    # The tax has its line, and a droplet of the same price lacks its own.
    assert compare(D(12), D(10), parts, {"taxes": D(2)}).off_by == 2
    assert compare(D(12), D(10), parts, {}).parts == {"taxes": D(2)}


def test_a_part_of_which_some_has_lines_explains_the_rest() -> None:
    parts = {"product_charges": D(20), "credits_and_adjustments": D(-8)}
    found = compare(D(12), D(17), parts, {"credits_and_adjustments": D(-3)})
    assert found.parts == {"credits_and_adjustments": D(-5)}


def test_missing_charges_are_never_explained() -> None:
    assert compare(D(10), D(0), {"product_charges": D(10)}, {}).off_by == 10


def test_to_the_cent() -> None:
    parts = {"product_charges": D("10.00"), "taxes": D("2.00")}
    assert compare(D("12.01"), D(10), parts, {}).off_by == D("2.01")


cents = st.integers(-100_000, 100_000).map(lambda n: D(n) / 100)


@given(
    charges=cents,
    taxes=cents,
    overages=cents,
    credits=cents,
    other=cents,
    negated=st.booleans(),
    lined=st.sets(st.sampled_from(["taxes", "overages", "credits_and_adjustments"])),
)
def test_whatever_parts_have_no_line_the_invoice_adds_up(
    charges: Decimal,
    taxes: Decimal,
    overages: Decimal,
    credits: Decimal,
    other: Decimal,
    negated: bool,
    lined: set[str],
) -> None:
    truth = {"taxes": taxes, "overages": overages, "credits_and_adjustments": credits,
             "user_charges": other}  # fmt: skip
    amount = charges + sum(truth.values())
    said = truth | {"product_charges": charges}
    if negated:
        said["credits_and_adjustments"] = -credits
    in_lines = {name: truth[name] for name in lined}
    found = compare(amount, charges + sum(in_lines.values()), said, in_lines)
    assert found.off_by == 0
    assert charges + sum(in_lines.values()) + sum(found.parts.values()) == amount
    assert summary_total(amount, said) == amount


@given(parts=st.dictionaries(st.sampled_from(["taxes", "overages"]), cents), missing=cents)
def test_what_no_part_explains_is_off_by_all_of_it(
    parts: dict[str, Decimal], missing: Decimal
) -> None:
    sums = {D(0), *parts.values(), sum(parts.values(), D(0))}
    assume(missing not in sums)
    assert compare(missing, D(0), parts, {}).off_by == abs(missing)


def test_the_verdict_is_stored_as_the_check_has_it(
    warehouse: Warehouse, client: DigitalOcean
) -> None:
    sync_inventory(warehouse, client)
    sync_invoices(warehouse, client)
    ingest_invoices(warehouse, client)
    with warehouse.transaction() as connection:
        uuids = connection.execute(
            sa.text("SELECT invoice_uuid FROM cloud_invoices ORDER BY period LIMIT 2")
        ).scalars().all()  # fmt: skip
        connection.execute(
            sa.text("UPDATE cloud_invoices SET amount = amount + 1 WHERE invoice_uuid = :uuid"),
            {"uuid": uuids[0]},
        )
        connection.execute(
            sa.text(
                "UPDATE cloud_invoices SET amount = amount - 7, credits_and_adjustments = -7 "
                "WHERE invoice_uuid = :uuid"
            ),
            {"uuid": uuids[1]},
        )
        store_verdicts(connection)
        found = {one.invoice_uuid: one for one in reconcile(connection)}
        rows = connection.execute(
            sa.text("SELECT invoice_uuid, off_by, unlisted FROM cloud_invoices")
        ).all()
    assert found[uuids[0]].off_by == 1
    assert found[uuids[1]].off_by == 0
    for uuid, off_by, unlisted in rows:
        verdict = found.get(uuid)
        assert off_by == (verdict.off_by if verdict else 0)
        assert unlisted == (sum(verdict.explained_by.values()) if verdict else 0)
