"""A past month's forecast of a day rests on nothing that became known later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arcadia_cloud_pipelines.forecast.model import store_tests
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..marts.conftest import Account

MARCH, APRIL = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
MAY = datetime(2026, 5, 1, tzinfo=UTC)
CUT = APRIL + timedelta(days=10)
HOURLY = Decimal("0.05")
CAP = 672
HAS_ID = ("Droplets", "Droplet Backups")


@dataclass(frozen=True)
class Droplet:
    """When it ran in April, in hours since its begin."""

    number: int
    begin: int
    end: int
    gpu: bool
    backups: bool

    def lines(self) -> Iterator[tuple[str, str, datetime, datetime, Decimal]]:
        """Product, text, begin, end and amount of its lines."""
        plan = "gpu-1" if self.gpu else "s-1"
        begin, end = (APRIL + timedelta(hours=hour) for hour in (self.begin, self.end))
        amount = HOURLY * min(self.end - self.begin, CAP)
        yield "Droplets", f"d{self.number} ({plan})", begin, end, amount
        if self.backups:
            text = f"d{self.number} (Weekly Backup Services)"
            taken = begin + timedelta(hours=5)
            yield "Droplet Backups", text, taken, max(taken, end), amount / 5


droplets = st.builds(
    lambda number, begin, length, gpu, backups: Droplet(
        number, begin, min(720, begin + length), gpu, backups
    ),
    st.integers(1, 9), st.integers(0, 700), st.integers(10, 720), st.booleans(), st.booleans(),
)  # fmt: skip


def with_another_future(past: Sequence[Droplet]) -> list[Droplet]:
    """Return them as they would be if after the day none had come or gone."""
    cut = 240
    return [
        Droplet(one.number, one.begin, 720 if one.end > cut else one.end, one.gpu, one.backups)
        for one in past
        if one.begin < cut
    ]


def bill(
    account: Account, team: str, ran: Sequence[Droplet], traffic: Sequence[int], *, ids: bool
) -> None:
    """Write March, in which all ran as a whole, and April with its days of traffic."""

    def line(invoice: int, number: int, *values: object) -> None:
        product, text, begin, end, amount = values
        account.insert(
            "cloud_cost_lines", account=team, invoice_id=invoice, line_number=number,
            period=begin.date().replace(day=1), product=product, description=text,  # type: ignore[attr-defined]
            started_at=begin, ended_at=end, amount=amount, unmatched_reason="never_seen",
            resource_key=str(text).split(" ")[0] if ids and product in HAS_ID else None,
        )  # fmt: skip

    def invoice(period: date) -> int:
        return account.insert(
            "cloud_invoices", account=team, invoice_uuid=f"{team}-{period}", amount=Decimal(1),
            period=period, ingest_status="ingested", first_seen_at=MAY, ingested_at=MAY,
        )  # fmt: skip

    march, april = invoice(MARCH.date()), invoice(APRIL.date())
    for number in range(1, 4):
        line(march, number, "Droplets", f"d{number} (s-1)", MARCH, APRIL, HOURLY * CAP)
    lines = [one for droplet in ran for one in droplet.lines()]
    for number, one in enumerate(lines, 1):
        line(april, number, *one)
    counted = Decimal(sum(traffic))
    line(april, 98, "Bandwidth", "Bandwidth", APRIL, MAY, counted)
    taxed = sum((one[4] for one in lines), counted)
    line(april, 99, "Taxes", "VAT", APRIL, MAY, taxed / 10)
    for day, amount in enumerate(traffic):
        account.insert(
            "cloud_daily_costs", account=team, day=APRIL.date() + timedelta(day),
            product="Bandwidth", description="Bandwidth", amount=Decimal(amount),
            unmatched_reason="not_a_resource",
        )  # fmt: skip


@given(
    ran=st.lists(droplets, min_size=1, max_size=6, unique_by=lambda one: one.number),
    traffic=st.lists(st.integers(0, 5), min_size=10, max_size=10),
    later=st.lists(st.integers(0, 50), max_size=20),
    ids=st.booleans(),
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_forecast_of_a_past_day_uses_what_came_after_it(
    warehouse: Warehouse, ran: list[Droplet], traffic: list[int], later: list[int], ids: bool
) -> None:
    with warehouse.engine.connect() as connection, connection.begin() as point:
        account = Account(connection)
        bill(account, "as-it-went", ran, [*traffic, *later], ids=ids)
        bill(account, "otherwise", with_another_future(ran), traffic, ids=ids)
        store_tests(connection, [("as-it-went", APRIL.date()), ("otherwise", APRIL.date())])
        said = {
            (row.account, row.day): row.expected
            for row in connection.exec_driver_sql(
                "SELECT account, day, expected FROM cloud_forecast_tests"
                " WHERE method = 'structure' AND day <= 10"
            )
        }
        point.rollback()
    for day in (0, 1, 5, 10):
        difference = abs(said["as-it-went", day] - said["otherwise", day])
        assert difference <= Decimal("0.01"), day


def test_taxes_and_discounts_of_a_past_day_are_on_what_is_counted_too(
    warehouse: Warehouse,
) -> None:
    """One droplet of $33.60, traffic of $10.00 on the first day, 5 % off and 20 % of tax."""
    with warehouse.engine.connect() as connection:
        account = Account(connection)
        invoice = account.insert(
            "cloud_invoices", account="a", invoice_uuid="april", amount=Decimal("49.70"),
            period=APRIL.date(), ingest_status="ingested", first_seen_at=MAY, ingested_at=MAY,
        )  # fmt: skip
        for number, (product, text, amount) in enumerate((
            ("Droplets", "web (s-1)", "33.60"), ("Bandwidth", "Bandwidth", "10.00"),
            ("Discounts", "Committed use discount (5%)", "-2.18"), ("Taxes", "VAT", "8.28"),
        )):  # fmt: skip
            account.insert(
                "cloud_cost_lines", account="a", invoice_id=invoice, line_number=number,
                period=APRIL.date(), product=product, description=text, started_at=APRIL,
                ended_at=MAY, amount=Decimal(amount), unmatched_reason="never_seen",
            )  # fmt: skip
        for day in range(-20, 20):
            account.insert(
                "cloud_daily_costs", account="a", day=APRIL.date() + timedelta(day),
                product="Bandwidth", description="Bandwidth", amount=Decimal(0 if day else 10),
                unmatched_reason="not_a_resource",
            )  # fmt: skip
        store_tests(connection, [("a", APRIL.date())])
        said = connection.exec_driver_sql(
            "SELECT day, expected, taxes FROM cloud_forecast_tests"
            " WHERE method = 'structure' AND day >= 5 ORDER BY day"
        ).all()
    whole = (Decimal("49.70"), Decimal("8.28"))
    assert [tuple(row) for row in said] == [(day, *whole) for day in (5, 10, 20)]
