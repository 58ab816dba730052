"""The project and the tags of the time, whatever the clock and the session's time zone."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from .conftest import TEAM, Account, Ask

# Hours: begin, end (clocks may go backwards), and how long before the begin it was assigned.
STAYS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 9), st.none() | st.integers(-2, 3)), max_size=5
)


def expected(stays: list[tuple[int, int | None, int | None]]) -> list[tuple[int, int, int | None]]:
    """Say in other words than the view: number, begin and end of each stay that counts."""
    newest = {
        begin: (number, end, before)
        for number, (begin, end, before) in enumerate(stays)
        if end is None or end > begin
    }
    rows = []
    for begin, (number, end, before) in sorted(newest.items()):
        is_first = begin == min(stay[0] for stay in stays)
        later = [other for other in newest if other > begin]
        ends = [hour for hour in (end, min(later, default=None)) if hour is not None]
        start = begin - max(before or 0, 0) if is_first else begin
        rows.append((number, start, min(ends, default=None)))
    return rows


def write(account: Account, stays: list[Any]) -> tuple[int, dict[int, int], Any]:
    """Write a droplet's stays, each in a project of its own: resource, numbers by id, origin."""
    resource = account.resource("droplet", "1")
    origin = (account.now - timedelta(days=50)).replace(minute=0, second=0, microsecond=0)
    projects = {}
    for number, (begin, end, before) in enumerate(stays):
        projects[account.project(f"p{number}")] = number
        account.member(
            "droplet", "1", max(projects),
            valid_from=origin + timedelta(hours=begin),
            valid_to=None if end is None else origin + timedelta(hours=end),
            assigned_at=None if before is None else origin + timedelta(hours=begin - before),
        )  # fmt: skip
    return resource, projects, origin


def last_open(stays: list[Any], is_open: bool) -> list[Any]:
    return [*stays[:-1], (stays[-1][0], None, stays[-1][2])] if stays and is_open else stays


@given(stays=STAYS, is_open=st.booleans())
def test_stays_of_any_listings_never_overlap(
    account: Account, stays: list[Any], is_open: bool
) -> None:
    stays = last_open(stays, is_open)
    point = account.connection.begin_nested()
    resource, projects, origin = write(account, stays)
    rows = account.connection.execute(
        sa.text(
            "SELECT project_id, valid_from, valid_to FROM marts.project_spans"
            " WHERE resource_id = :id ORDER BY valid_from"
        ),
        {"id": resource},
    ).all()
    point.rollback()

    def hours(at: Any) -> int | None:
        return None if at is None else round((at - origin) / timedelta(hours=1))

    found = [(projects[row[0]], hours(row[1]), hours(row[2])) for row in rows]
    assert found == expected(stays)
    for before, after in pairwise(rows):
        assert before.valid_to <= after.valid_from


@given(stays=STAYS, is_open=st.booleans(), after=st.sampled_from([0, 1, 1800, 3599]))
def test_a_line_is_of_the_stay_in_which_its_usage_ended(
    account: Account, stays: list[Any], is_open: bool, after: int
) -> None:
    """At any moment: also where a stay ends as the next begins, and where clocks went back."""
    stays = last_open(stays, is_open)
    point = account.connection.begin_nested()
    resource, projects, origin = write(account, stays)
    invoice = account.invoice("a", "0.00", back=2)
    hours = {}
    for hour in range(-4, 11):
        # An end is exclusive: the usage was over one second before it.
        ended_at = origin + timedelta(hours=hour, seconds=after)
        account.line(invoice, "1.00", resource, ended_at=ended_at, started_at=None)
        hours[ended_at] = hour + (after - 1) / 3600
    rows = account.connection.execute(
        sa.text("SELECT ended_at, project_id, project_source FROM marts.cost_entries"
                " WHERE line_number > 0")
    ).all()  # fmt: skip
    point.rollback()
    spans = expected(stays)
    assert len(rows) == len(hours)
    for row in rows:
        at = hours[row.ended_at]
        of = [number for number, start, end in spans if start <= at and (end is None or at < end)]
        assert [projects[row.project_id]] == of if of else row.project_id is None
        assert row.project_source == ("membership" if of else None)


def test_a_month_without_a_key_that_others_have_is_untagged(account: Account, ask: Ask) -> None:
    web = account.resource("droplet", "1")
    account.event(web, "discovered", 24 * 50, tags=(None, []))
    account.event(web, "updated", 1, tags=([], ["env:prod", "env:blue", "plain"]))
    account.line(account.invoice("a", "3.00"), "3.00", web)
    rows = ask("cost_by_tag", "tag_key", "tag_value", "lines", "amount")
    assert [tuple(row.values()) for row in rows] == [
        ("env", None, 1, Decimal("3.00")), ("plain", None, 1, Decimal("3.00")),
    ]  # fmt: skip


def test_no_answer_depends_on_the_time_zone_of_the_session(account: Account, ask: Ask) -> None:
    """Months begin in UTC for a reader in Auckland, too."""
    first = account.month(1)
    created = sa.text(f"SELECT ('{first}'::timestamp AT TIME ZONE 'UTC') - interval '6 hours'")
    account.listing("droplet")
    account.resource(
        "droplet", "1", size_slug="s-1", created_at=account.connection.scalar(created),
        first_seen_at=account.connection.scalar(created),
    )  # fmt: skip
    for back, amount in ((3, "6.00"), (2, "7.00"), (1, "8.00")):
        account.line(
            account.invoice(f"i{back}", amount, back=back), amount, kind="droplet",
            hours=Decimal(700), description="web (s-1)",
        )  # fmt: skip
    account.insert("cloud_rates", account=TEAM, size_slug="s-1", monthly=Decimal("9.00"),
                   hourly=Decimal("0.013"), valid_from=account.now)  # fmt: skip
    answers = []
    for zone in ("UTC", "Pacific/Auckland", "America/Los_Angeles"):
        account.connection.exec_driver_sql(f"SET LOCAL TimeZone = '{zone}'")
        answers.append((
            ask("rates", "size_slug", "amount", "valid_from", "valid_to", "is_current"),
            ask("unbilled_resources", "resource_id"),
            ask("run_rate", "resource_id", "monthly_amount"),
        ))  # fmt: skip
    assert answers[0][0]
    assert answers[0][1]
    assert answers[1] == answers[0]
    assert answers[2] == answers[0]
