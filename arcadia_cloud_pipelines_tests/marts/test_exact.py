"""Borders, order and namesakes: where one character of a view would make another answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa

from .conftest import TEAM, Account, Ask

OTHER = "0" * 40
SECOND = timedelta(seconds=1)


def values(rows: list[dict[str, object]]) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in rows]


def begin(account: Account, back: int) -> datetime:
    first = account.month(back)
    return datetime(first.year, first.month, 1, tzinfo=UTC)


def test_what_we_know_of_a_resource_goes_before_what_the_line_says(
    account: Account, ask: Ask
) -> None:
    named, real = account.project("named"), account.project("real")
    copy = account.resource("image", "1", region="ams3", name="ours")
    account.member("image", "1", real)
    account.line(account.invoice("a", "1.00"), "1.00", copy, kind="droplet_snapshot",
                 region="fra1", resource_name="theirs", project_name="named")  # fmt: skip
    rows = ask("cost_entries", "kind", "region", "name", "project_id", "project_source")
    assert values(rows) == [("image", "ams3", "ours", real, "membership")]
    assert named != real


def test_a_namesake_of_another_account_or_kind_takes_no_cost(account: Account, ask: Ask) -> None:
    ours = account.project("shop")
    theirs = account.project("shop", account=OTHER, provider_id="theirs")
    domain = account.resource("domain", "example.org")
    account.member("domain", "example.org", theirs, account=OTHER)
    image = account.resource("image", "7")
    account.member("droplet", "7", theirs)
    invoice = account.invoice("a", "6.00")
    account.line(invoice, "1.00", domain)
    account.line(invoice, "2.00", image)
    account.line(invoice, "3.00", project_name=" Shop")
    assert values(ask("cost_entries", "amount", "project_id")) == [
        (Decimal("1.00"), None), (Decimal("2.00"), None), (Decimal("3.00"), ours),
    ]  # fmt: skip


def test_a_tenant_pays_from_the_instant_of_the_change(account: Account, ask: Ask) -> None:
    change = begin(account, 1) + timedelta(days=9)
    shop = account.project("shop", first_seen_at=change - timedelta(days=2))
    account.connection.execute(sa.text("DELETE FROM cloud_project_tenancies"))
    for tenant, since, until in (("acme", None, change), ("globex", change, None)):
        account.insert("cloud_project_tenancies", project_id=shop, tenant_id=tenant,
                       valid_from=since, valid_to=until)  # fmt: skip
    invoice = account.invoice("a", "3.00")
    for amount, used in (("1.00", change - SECOND), ("2.00", change)):
        # The end of usage is exclusive.
        account.line(invoice, amount, project_name="shop", ended_at=used + SECOND)
    assert values(ask("cost_entries", "amount", "tenant_id")) == [
        (Decimal("1.00"), "acme"), (Decimal("2.00"), "globex"),
    ]  # fmt: skip


def test_the_three_that_moved_most_explain_a_jump(account: Account, ask: Ask) -> None:
    """By size, whatever the sign, and by name where they moved alike; who stayed is not named."""
    before, now = account.invoice("a", "44.50", back=2), account.invoice("b", "40.00", back=1)
    for name, was, is_ in (
        ("e-stays", "20.00", "20.00"), ("d-less", "10.00", "1.00"), ("c-more", "5.00", "9.00"),
        ("b-more", "3.00", "5.00"), ("a-less", "3.00", "1.00"), ("a-little", "0.00", "0.50"),
    ):  # fmt: skip
        account.line(before, was, kind="droplet", resource_name=name)
        account.line(now, is_, kind="droplet", resource_name=name)
    account.line(now, "3.50", kind="volume", resource_name="v")
    account.line(before, "3.50", kind="volume", resource_name="v")
    [last, first] = [f"period = '{account.month(back)}'" for back in (1, 2)]
    assert values(ask("cost_jumps", "kind", "jump", "because", "complete", where=last)) == [
        ("droplet", Decimal("-4.50"), "d-less -9.00; c-more +4.00; a-less -2.00", True),
        ("volume", Decimal(0), None, True),
    ]
    # Of the month before the first nothing is known.
    assert {row["complete"] for row in ask("cost_jumps", "complete", where=first)} == {False}
    account.connection.execute(sa.text("UPDATE cloud_invoices SET ingest_status = 'failed'"
                                       " WHERE invoice_uuid = 'a'"))  # fmt: skip
    assert {row["complete"] for row in ask("cost_jumps", "complete", where=last)} == {False}


def test_the_last_closed_month_is_each_accounts_newest_complete_one(
    account: Account, ask: Ask
) -> None:
    account.invoice("a", "1.00", back=2)
    account.invoice("b", "1.00", back=1)
    account.invoice("c", "1.00", back=1, ingest_status="pending")
    account.invoice("d", "1.00", back=1, account=OTHER)
    account.invoice("e", "1.00", back=0, account=OTHER)
    rows = ask("billing_months", "account", "period", "invoices", "complete", "is_last_closed")
    assert values(rows) == [
        (OTHER, account.month(1), 1, True, True), (OTHER, account.month(0), 1, False, False),
        (TEAM, account.month(2), 1, True, True), (TEAM, account.month(1), 2, False, False),
    ]  # fmt: skip


def test_an_invoice_ends_a_month_from_twelve_hours_before_its_end(
    account: Account, ask: Ask
) -> None:
    end, half_a_day = begin(account, 1), timedelta(hours=12)
    for number, issued_at in enumerate((end, end - half_a_day, end - half_a_day - SECOND)):
        account.invoice(str(number), "1.00", back=2, account=str(number), issued_at=issued_at)
    account.invoice("3", "1.00", back=0, account="3", issued_at=account.now)
    # One that a month still running gets in its last hours does not end it.
    soon = (begin(account, 0) + timedelta(days=32)).replace(day=1) - timedelta(hours=1)
    account.invoice("4", "1.00", back=0, account="4", issued_at=soon)
    assert values(ask("billing_months", "account", "is_over", "is_billed")) == [
        ("0", True, True), ("1", True, True), ("2", True, False), ("3", False, False),
        ("4", False, False),
    ]  # fmt: skip


def test_a_month_is_whole_when_the_list_was_read_whole_since_its_last_invoice(
    account: Account, ask: Ask
) -> None:
    """A page that failed may have held another one of the month."""
    for name, whole in (("since", timedelta()), ("before", -SECOND), ("never", None)):
        seen = account.now - timedelta(days=1)
        account.invoice(name, "1.00", account=name, first_seen_at=seen)
        account.insert(
            "cloud_invoice_lists", account=name, complete=False, problem="page 2 failed",
            read_at=account.now, whole_at=None if whole is None else seen + whole,
        )  # fmt: skip
    assert values(ask("billing_months", "account", "complete")) == [
        ("before", False), ("never", False), ("since", True),
    ]  # fmt: skip


def test_what_of_last_month_runs_on_and_at_which_rate(account: Account, ask: Ask) -> None:
    account.listing("droplet")
    end = begin(account, 0)
    invoice = account.invoice("a", "0.00")
    early = account.now - timedelta(days=400)
    droplets = {
        name: account.resource("droplet", name, size_slug="s-1", created_at=early)
        for name in ("ended", "day", "short", "whole", "resized-before", "resized-after", "found")
    }

    def line(name: str, amount: str, hours: str, until: datetime = end) -> None:
        account.line(invoice, amount, droplets[name], hours=Decimal(hours), ended_at=until)

    # It ended a second too early to run on, and one that ends a day before the month does so.
    line("ended", "1.00", "336", end - timedelta(days=1) - SECOND)
    line("day", "1.00", "336", end - timedelta(days=1))
    line("short", "0.50", "23.9")
    line("whole", "7.00", "672")
    for name in ("resized-before", "resized-after", "found"):
        line(name, "3.00", "672")
    hours = (account.now - end) / timedelta(hours=1)
    for name, event, ago in (
        ("resized-before", "updated", hours + 1), ("resized-after", "updated", hours),
        ("found", "discovered", hours - 1),
    ):  # fmt: skip
        account.event(droplets[name], event, ago, size_slug=("s-0", "s-1"))
    for monthly, since, until in (("90.00", 90, 50), ("99.00", 50, None)):
        account.insert(
            "cloud_rates", account=TEAM, size_slug="s-1", monthly=Decimal(monthly), hourly=1,
            valid_from=account.now - timedelta(days=since),
            valid_to=until and account.now - timedelta(days=until),
        )  # fmt: skip
    rows = ask("run_rate", "name", "monthly_amount", "rate_source")
    assert values(rows) == [
        ("droplet-day", Decimal("2.00"), "own_lines"),
        ("droplet-ended", Decimal("99.00"), "catalogue"),
        ("droplet-found", Decimal("3.00"), "own_lines"),
        ("droplet-resized-after", Decimal("99.00"), "catalogue"),
        ("droplet-resized-before", Decimal("3.00"), "own_lines"),
        ("droplet-short", Decimal("0.50"), "own_lines"),
        ("droplet-whole", Decimal("7.00"), "own_lines"),
    ]


def test_what_was_resized_within_last_month_runs_on_at_the_rate_after_it(
    account: Account, ask: Ask
) -> None:
    """Its parts have 672 hours to pay together, the first ones first."""
    account.listing("droplet")
    first, end = begin(account, 1), begin(account, 0)
    invoice = account.invoice("a", "0.00")
    length = int((end - first) / timedelta(hours=1))
    for name, before, old, new in (
        # Of its last hours 272 were to be paid, at a cent each.
        ("beyond", 400, "2.00", "2.72"),
        ("within", 24, "2.00", f"{(672 - 24) / 100:.2f}"),
        # Nothing was left to be paid: only the plan says what it costs.
        ("late", 672, "6.72", "0.00"),
        ("last-day", length - 12, "6.72", "0.00"),
    ):
        droplet = account.resource("droplet", name, size_slug="s-1")
        change = first + timedelta(hours=before)
        account.line(invoice, old, droplet, hours=Decimal(before), ended_at=change)
        account.line(invoice, new, droplet, hours=Decimal(length - before), started_at=change)
        if name == "late":
            account.line(invoice, "1.00", droplet, hours=Decimal(4), product="Droplet Backups")
    short = account.resource("droplet", "begun-late", size_slug="s-1")
    account.line(invoice, "1.00", short, hours=Decimal(100), started_at=end - timedelta(hours=100))
    account.insert(
        "cloud_rates", account=TEAM, size_slug="s-1", monthly=Decimal("99.00"), hourly=1,
        valid_from=first,
    )  # fmt: skip
    assert values(ask("run_rate", "name", "monthly_amount", "rate_source")) == [
        ("droplet-begun-late", Decimal("6.72"), "own_lines"),
        ("droplet-beyond", Decimal("6.72"), "own_lines"),
        ("droplet-last-day", Decimal("99.00"), "catalogue"),
        ("droplet-late", Decimal("99.00"), "catalogue"),
        ("droplet-within", Decimal("6.72"), "own_lines"),
    ]


def test_who_lived_through_all_of_the_month_and_cost_nothing(account: Account, ask: Ask) -> None:
    first = begin(account, 1)
    account.invoice("a", "0.00")
    account.resource("droplet", "before", created_at=first - SECOND, first_seen_at=account.now)
    account.resource("droplet", "within", created_at=first, first_seen_at=first - SECOND)
    account.resource("droplet", "undated", created_at=None, first_seen_at=first - SECOND)
    # A worker's node pool carries the tag of its cluster: the platform made it.
    account.resource("droplet", "worker", created_at=first - SECOND, tags=["k8s", "k8s:worker"])
    account.resource("ssh_key", "free", created_at=first - SECOND)
    assert values(ask("unbilled_resources", "name")) == [("droplet-before",), ("droplet-undated",)]


def test_tags_change_between_two_seconds_and_drift_is_no_change(account: Account, ask: Ask) -> None:
    web = account.resource("droplet", "1")
    change = begin(account, 1) + timedelta(days=9)
    ago = (account.now - change) / timedelta(hours=1)
    account.event(web, "discovered", ago + 100, tags=(None, ["env:dev"]))
    # Both at one instant: the later row counts. One value twice is one value.
    account.event(web, "tagged", ago, tags=(["env:dev"], ["env:test"]))
    account.event(web, "tagged", ago, tags=(["env:test"], ["env:prod", "Env:Prod"]))
    account.event(web, "drift_detected", ago - 1, tags=(["plan:x"], ["env:drift"]))
    invoice = account.invoice("a", "3.00")
    account.line(invoice, "1.00", web, ended_at=change)
    account.line(invoice, "2.00", web, ended_at=change + SECOND)
    assert values(ask("cost_by_tag", "tag_key", "tag_value", "amount")) == [
        ("env", "dev", Decimal("1.00")), ("env", "prod", Decimal("2.00")),
    ]  # fmt: skip
    rows = ask("tag_spans", "tags", "valid_from", "valid_to")
    assert [(row["valid_from"], row["valid_to"]) for row in rows] == [
        (None, change),
        (change, None),
    ]


def billed(account: Account, back: int, amount: str, hours: int, **line: object) -> None:
    name = f"i{account.connection.scalar(sa.text('SELECT count(*) FROM cloud_invoices'))}"
    account.line(account.invoice(name, amount, back=back), amount, kind="droplet",
                 hours=Decimal(hours), description="web (s-1)", **line)  # fmt: skip


def test_rounding_to_the_cent_is_no_other_rate(account: Account, ask: Ask) -> None:
    """Six dollars in each month, of which some say a little more or less; then seven."""
    for back, amount, hours in ((6, "6.00", 744), (5, "0.90", 101), (4, "6.00", 672),
                                (3, "1.80", 201), (2, "7.00", 744)):  # fmt: skip
        billed(account, back, amount, hours)
    assert values(ask("rates", "valid_from", "monthly_amount", "amount")) == [
        (begin(account, 6), Decimal("6.00"), Decimal("0.00893")),
        (begin(account, 2), Decimal("7.00"), Decimal("0.01042")),
    ]  # fmt: skip


def test_a_rate_is_that_of_whole_months_then_of_most_lines_then_the_higher(
    account: Account, ask: Ask
) -> None:
    for amount, hours in (("4.00", 300), ("4.00", 300), ("9.00", 700)):
        billed(account, 3, amount, hours)
    for amount, hours in (("4.00", 200), ("4.00", 200), ("9.00", 300)):
        billed(account, 2, amount, hours)
    for amount, hours in (("4.00", 200), ("9.00", 300), ("9.00", 99), ("-9.00", 200)):
        billed(account, 1, amount, hours)
    assert values(ask("billed_rates", "period", "hourly")) == [
        (account.month(3), Decimal("0.01339")), (account.month(2), Decimal("0.02000")),
        (account.month(1), Decimal("0.03000")),
    ]  # fmt: skip


def test_hours_that_a_resized_droplet_had_free_make_no_rate(account: Account, ask: Ask) -> None:
    """Made larger after 400 hours: of the 344 that it then ran, 272 were to be paid."""
    first, later = begin(account, 2), begin(account, 2) + timedelta(hours=400)
    billed(account, 2, "2.72", 344, started_at=later)
    assert ask("billed_rates", "hourly") == []
    # What ended in time is paid hour by hour.
    billed(account, 2, "2.00", 200, started_at=later - timedelta(hours=1),
           ended_at=first + timedelta(hours=672))  # fmt: skip
    assert values(ask("billed_rates", "hourly")) == [(Decimal("0.01000"),)]


def test_a_list_price_counts_when_it_changed_after_the_last_invoice(
    account: Account, ask: Ask
) -> None:
    billed(account, 2, "6.00", 744)
    billed(account, 1, "6.00", 744)
    end = begin(account, 0)
    for monthly, since, until in (
        ("5.00", begin(account, 3), end - SECOND), ("8.00", end - SECOND, end),
        ("9.00", end, account.now), ("99.00", account.now + timedelta(days=1), None),
    ):  # fmt: skip
        account.insert("cloud_rates", account=TEAM, size_slug="s-1", monthly=Decimal(monthly),
                       hourly=1, valid_from=since, valid_to=until)  # fmt: skip
    rows = ask("rates", "valid_from", "valid_to", "monthly_amount", "is_current")
    assert values(rows) == [
        (begin(account, 2), end, Decimal("6.00"), False),
        (end, account.now, Decimal("9.00"), False),
        (account.now + timedelta(days=1), None, Decimal("99.00"), False),
    ]


def test_what_was_invoiced_within_the_month_stands_beside_its_use(
    account: Account, ask: Ask
) -> None:
    """The balance has forgotten it: else the month would look cheap."""
    this, last = begin(account, 0), begin(account, 1)
    passed = account.now - this
    account.insert(
        "cloud_balance_snapshots", account=TEAM, month_to_date_balance=0, account_balance=0,
        month_to_date_usage=Decimal("3.00"), generated_at=account.now, captured_at=account.now,
    )  # fmt: skip
    account.invoice("now", "10.00", back=0, issued_at=this)
    account.invoice("then", "2.00", back=1, issued_at=last)
    account.invoice("later", "60.00", back=1, issued_at=this)
    account.invoice("older", "99.00", back=2, issued_at=last)
    share = min(Decimal(1), Decimal(passed / (this - last)))
    [row] = ask("month_to_date", "amount_so_far", "invoiced_so_far", "last_month_invoiced_so_far",
                "last_month_total", "last_month_so_far")  # fmt: skip
    assert values([row])[0][:4] == (Decimal("3.00"), Decimal("10.00"), Decimal("2.00"),
                                    Decimal("62.00"))  # fmt: skip
    expected = max(Decimal(0), 62 * share - 2)
    assert abs(row["last_month_so_far"] - expected) <= Decimal("0.02")


def balance(account: Account, usage: str, at: datetime) -> None:
    account.insert(
        "cloud_balance_snapshots", account=TEAM, month_to_date_balance=0, account_balance=0,
        month_to_date_usage=Decimal(usage), generated_at=at, captured_at=at,
    )  # fmt: skip


def test_a_month_without_its_last_invoice_is_not_complete(account: Account, ask: Ask) -> None:
    """It has ended, and what is read of it was invoiced within it: the rest is to come."""
    account.invoice("whole", "70.00", back=2)
    early = begin(account, 0) - timedelta(days=9)
    account.line(account.invoice("part", "5.00", issued_at=early), "5.00")
    shown = "period", "complete", "is_last_closed"
    assert values(ask("billing_months", *shown)) == [
        (account.month(2), True, True), (account.month(1), False, False),
    ]  # fmt: skip
    of_part = f"period = '{account.month(1)}'"
    assert ask("cost_by_project", "complete", where=of_part) == [{"complete": False}]
    balance(account, "3.00", account.now)
    [row] = ask("month_to_date", "last_month_total", "last_month_so_far")
    assert row == {"last_month_total": None, "last_month_so_far": None}
    # The last one has come.
    account.invoice("rest", "60.00", issued_at=begin(account, 0))
    assert values(ask("billing_months", *shown))[1] == (account.month(1), True, True)
    assert values(ask("month_to_date", "last_month_total")) == [(Decimal("65.00"),)]


def test_an_invoice_after_the_balance_is_not_beside_it(account: Account, ask: Ask) -> None:
    """The balance still counts what it bills."""
    this = begin(account, 0)
    at = this + (account.now - this) / 2
    account.invoice("before", "2.00", back=0, issued_at=at)
    account.invoice("after", "10.00", back=0, issued_at=at + SECOND)
    account.invoice("theirs", "99.00", back=0, account=OTHER, issued_at=at)
    balance(account, "13.00", at)
    assert values(ask("month_to_date", "amount_so_far", "invoiced_so_far")) == [
        (Decimal("13.00"), Decimal("2.00")),
    ]  # fmt: skip


def test_credits_and_crumbs_leave_a_prepayment_its_days(account: Account, ask: Ask) -> None:
    account.insert(
        "cloud_prepayments", account=TEAM, balance=Decimal("900000000.00"), blocked=False,
        first_read_at=account.now, last_read_at=account.now,
    )  # fmt: skip
    balance(account, "1.00", account.now)
    account.invoice("credit", "-5.00", back=0, issued_at=begin(account, 0))
    # More was credited than used: nothing is used up.
    assert values(ask("prepayment", "days_left")) == [(None,)]
    account.invoice("charge", "4.01", back=0, issued_at=begin(account, 0))
    [row] = ask("prepayment", "days_left")
    assert row["days_left"] >= 999_999


def test_an_invoice_after_last_months_balance_is_not_beside_it(account: Account, ask: Ask) -> None:
    passed = min(account.now - begin(account, 0), timedelta(days=20))
    gap = min(passed / 4, timedelta(hours=1))
    then = begin(account, 1) + passed - 2 * gap
    balance(account, "13.00", then)
    balance(account, "1.00", begin(account, 0) + passed)
    account.invoice("before", "2.00", issued_at=then)
    account.invoice("after", "10.00", issued_at=then + gap)
    assert values(ask("month_to_date", "last_month_so_far", "last_month_invoiced_so_far")) == [
        (Decimal("13.00"), Decimal("2.00")),
    ]  # fmt: skip
