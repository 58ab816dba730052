"""Who pays: small months with the right answer written down by hand."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import sqlalchemy as sa

from ..marts.conftest import Account
from .conftest import Apply, Paid

D = Decimal


def test_without_rules_the_projects_tenant_pays_and_the_rest_has_its_reason(
    account: Account, run: Apply, paid: Paid
) -> None:
    shop, lab = account.project("shop", "acme"), account.project("lab")
    one, two = account.resource("droplet", "1"), account.resource("droplet", "2")
    account.member("droplet", "1", shop)
    account.member("droplet", "2", lab)
    invoice = account.invoice("a", "15.00")
    account.line(invoice, "8.00", one)
    account.line(invoice, "2.00", two)
    account.line(invoice, "1.00", project_name="shop")
    account.line(invoice, "3.00", project_name="never heard of")
    account.line(invoice, "1.00")
    account.invoice("b", "5.00", ingest_status="pending")
    run()
    assert paid() == {
        "acme": D("9.00"), "(project_without_tenant)": D("2.00"), "(unknown_project)": D("3.00"),
        "(no_project)": D("1.00"), "(not_read)": D("5.00"),
    }  # fmt: skip
    assert paid("rule = 'project''s tenant'") == {"acme": D("9.00")}


def test_the_tenant_is_the_one_of_the_time(account: Account, run: Apply, paid: Paid) -> None:
    shop = account.project("shop")
    change = account.month(1) + timedelta(days=2)
    account.insert("cloud_project_tenancies", project_id=shop, tenant_id="old",
                   valid_from=account.month(3) + timedelta(days=1), valid_to=change)  # fmt: skip
    account.insert("cloud_project_tenancies", project_id=shop, tenant_id="new", valid_from=change)
    for back in (4, 3, 2, 1):
        account.line(account.invoice(str(back), "1.00", back=back), "1.00", project_name="shop")
    run()
    # What was classified first was so before, too: bills reach further back.
    assert paid() == {"old": D("3.00"), "new": D("1.00")}
    assert paid(f"period = '{account.month(1)}'") == {"new": D("1.00")}


def test_a_classification_put_right_within_a_day_never_was(
    account: Account, run: Apply, paid: Paid
) -> None:
    shop = account.project("shop")
    begin, end = account.now - timedelta(hours=3), account.now - timedelta(hours=1)
    account.insert("cloud_project_tenancies", project_id=shop, tenant_id="slip",
                   valid_from=begin, valid_to=end)  # fmt: skip
    account.insert("cloud_project_tenancies", project_id=shop, tenant_id="right", valid_from=end)
    account.line(account.invoice("a", "1.00"), "1.00", project_name="shop")
    run()
    assert paid() == {"right": D("1.00")}


TWO = 'tenants = ["a", "b", "c"]\n'


def test_the_first_rule_that_matches_decides(account: Account, run: Apply, paid: Paid) -> None:
    web = account.resource("droplet", "1", name="web-1", region="ams3")
    account.event(web, "discovered", 5000, tags=(None, ["team:x", "prod"]))
    invoice = account.invoice("i", "10.00")
    account.line(invoice, "4.00", web, kind="droplet")
    account.line(invoice, "6.00", product="Volumes", region="fra1", resource_name="data")
    for rule, who in (
        ('tag = "team:x"', "a"), ('tag = "TEAM"', "a"), ('tag = "team:y"', None),
        ('tag = "prod"', "a"), ('tag = "p*"', "a"), ('kind = "droplet"', "a"),
        ('resource_name = "WEB-*"', "a"), ('region = "ams?"', "a"), ('product = "Droplets"', "a"),
        ('resource = "1"', "a"), ('resource = "2"', None), ('account = "f81d*"', "a"),
        ('tag = "team:x"\nkind = "volume"', None), ('charge = "tax"', None),
        ('tag = ["no", "prod"]\ntag_keys = ["no"]', "a"), ('from = "2020-01"', "a"),
        ('to = "2020-01"', None), ('from = "2099-01"', None),
    ):  # fmt: skip
        condition, _, head = rule.partition("\ntag_keys")
        head = f"tag_keys{head}\n" if head else ""
        run(
            f'{TWO}{head}[[rule]]\nname = "r"\n{condition}\ntenant = "a"\n'
            '[[rule]]\nname = "rest"\ntenant = "b"\n'
        )
        assert paid("kind = 'droplet'") == {who or "b": D("4.00")}, rule


def test_tags_are_those_of_the_time(account: Account, run: Apply, paid: Paid) -> None:
    web = account.resource("droplet", "1", tags=["team:b"])
    account.event(web, "discovered", 5000, tags=(None, ["team:a"]))
    account.event(web, "tagged", 1, tags=(["team:a"], ["team:b"]))
    account.line(account.invoice("i", "4.00"), "4.00", web)
    run(TWO + "".join(
        f'[[rule]]\nname = "{team}"\ntag = "team:{team}"\ntenant = "{team}"\n' for team in "ab"
    ))  # fmt: skip
    assert paid() == {"a": D("4.00")}


def test_parts_add_up_to_the_cent(account: Account, run: Apply, paid: Paid) -> None:
    invoice = account.invoice("i", "10.10")
    account.line(invoice, "10.00", product="Even")
    account.line(invoice, "0.10", product="Fixed")
    account.line(invoice, "-0.01", product="Even", project_name="x")
    account.line(invoice, "0.00001", product="Even")
    run(
        TWO
        + """
        [[rule]]
        name = "even"
        product = "Even"
        by = "even"
        among = ["a", "b", "c"]
        [[rule]]
        name = "fixed"
        product = "Fixed"
        shares = { a = 0.125, b = 0.875 }
    """
    )
    rows = account.connection.execute(sa.text(
        "SELECT line_number, tenant_id, share, amount FROM cloud_cost_allocations"
        " WHERE line_number > 0 ORDER BY 1, 2"
    ))  # fmt: skip
    third, more = D("0.333333333333"), D("0.333333333334")
    assert [tuple(row) for row in rows] == [
        (1, "a", more, D("3.34")), (1, "b", third, D("3.33")), (1, "c", third, D("3.33")),
        (2, "a", D("0.125"), D("0.01")), (2, "b", D("0.875"), D("0.09")),
        (3, "a", more, D("-0.01")), (3, "b", third, 0), (3, "c", third, 0),
        (4, "a", more, D("0.00001")), (4, "b", third, 0), (4, "c", third, 0),
    ]  # fmt: skip


def test_credits_taxes_and_support_follow_the_spend_of_their_invoice(
    account: Account, run: Apply, paid: Paid
) -> None:
    account.project("shop", "acme")
    account.project("lab")
    invoice = account.invoice("i", "83.00")
    account.line(invoice, "60.00", project_name="shop")
    account.line(invoice, "20.00", project_name="lab")
    account.line(invoice, "8.00", product="VAT")
    account.line(invoice, "4.00", product="Premium Support")
    account.line(invoice, "-8.00", product="Sammy Promotional Credit")
    account.line(invoice, "-1.00", product="Droplets")
    # What only the summary has: 83.00 - 83.00 = 0, so nothing here; the other invoice has some.
    other = account.invoice("j", "9.00")
    account.line(other, "10.00", project_name="shop")
    run()
    assert paid("charge = 'tax'") == {"acme": D("6.00"), "(project_without_tenant)": D("2.00")}
    assert paid("charge = 'support'") == {"acme": D("3.00"), "(project_without_tenant)": D("1.00")}
    assert paid("charge = 'credit'") == {
        "acme": D("-6.75"), "(project_without_tenant)": D("-2.25"),
    }  # fmt: skip
    assert paid("charge = 'summary'") == {"acme": D("-1.00")}


def test_without_spend_on_the_invoice_that_of_the_month_is_followed(
    account: Account, run: Apply, paid: Paid
) -> None:
    account.project("shop", "acme")
    account.line(account.invoice("i", "5.00"), "5.00", project_name="shop")
    account.line(account.invoice("credits", "-3.00"), "-3.00", product="Credits")
    account.line(account.invoice("lonely", "-2.00", back=2), "-2.00", product="Credits")
    run()
    assert paid() == {"acme": D("2.00"), "(no_spend)": D("-2.00")}


def test_a_refund_of_a_resource_is_about_the_resource(
    account: Account, run: Apply, paid: Paid
) -> None:
    web = account.resource("droplet", "1")
    invoice = account.invoice("i", "3.00")
    account.line(invoice, "5.00", web)
    account.line(invoice, "-2.00", web, product="Credits")
    run(TWO + '[[rule]]\nname = "web"\nresource_name = "droplet-*"\ntenant = "a"\n')
    assert paid() == {"a": D("3.00")}


SPEND = (
    TWO
    + """
[[rule]]
name = "workers"
product = "Workers"
by = "project"
[[rule]]
name = "balancer"
product = "Balancer"
by = "spend"
of = ["workers"]
[[rule]]
name = "monitoring"
product = "Monitoring"
by = "spend"
among = ["b", "c"]
[[rule]]
name = "second"
product = "Second"
by = "spend"
of = "balancer"
"""
)


def test_costs_are_shared_by_spend_and_by_other_costs(
    account: Account, run: Apply, paid: Paid
) -> None:
    for tenant in "abc":
        account.project(f"p{tenant}", tenant)
    invoice = account.invoice("i", "200.00")
    account.line(invoice, "30.00", product="Workers", project_name="pa")
    account.line(invoice, "10.00", product="Workers", project_name="pb")
    account.line(invoice, "60.00", product="Droplets", project_name="pc")
    account.line(invoice, "40.00", product="Balancer", project_name="pc")
    account.line(invoice, "14.00", product="Monitoring")
    account.line(invoice, "4.00", product="Second")
    run(SPEND)
    assert paid("rule = 'balancer'") == {"a": D("30.00"), "b": D("10.00")}
    assert paid("rule = 'monitoring'") == {"b": D("2.00"), "c": D("12.00")}
    assert paid("rule = 'second'") == {"a": D("3.00"), "b": D("1.00")}


def test_shared_by_spend_that_nobody_has_is_nobodys(
    account: Account, run: Apply, paid: Paid
) -> None:
    account.line(account.invoice("i", "4.00"), "4.00", product="Balancer")
    run(SPEND)
    assert paid() == {"(no_spend)": D("4.00")}


def test_a_rule_may_say_that_nobody_pays(account: Account, run: Apply, paid: Paid) -> None:
    account.project("shop", "acme")
    account.line(account.invoice("i", "4.00"), "4.00", project_name="shop")
    run('[[rule]]\nname = "gift"\nproject = "shop"\nunallocated = "written off"\n')
    assert paid() == {"(written off)": D("4.00")}


def test_rules_that_decide_nothing_are_named(account: Account, run: Apply) -> None:
    account.line(account.invoice("i", "4.00"), "4.00", product="Volumes")
    found = run(
        TWO
        + """
        [[rule]]
        name = "all volumes"
        product = "Vol*"
        tenant = "a"
        [[rule]]
        name = "volumes"
        product = "Volumes"
        tenant = "b"
        [[rule]]
        name = "nothing"
        product = "Nothing"
        tenant = "b"
    """
    ).unused
    assert [(one.number, one.shadowed) for one in found] == [(2, True), (3, False)]


def test_a_dry_run_says_what_would_change_in_which_month(
    account: Account, run: Apply, paid: Paid
) -> None:
    account.line(account.invoice("i", "4.00"), "4.00", product="Volumes")
    account.line(account.invoice("j", "5.00", back=2), "5.00", product="Volumes")
    run()
    rules = (
        TWO
        + f"""
        [[rule]]
        name = "volumes"
        product = "Volumes"
        from = "{account.month(1):%Y-%m}"
        tenant = "a"
    """
    )
    said = run(rules, dry_run=True)
    assert [(d.period, d.tenant_id, d.reason, d.before, d.after) for d in said.differences] == [
        (account.month(1), "a", None, 0, D("4.00")),
        (account.month(1), None, "no_project", D("4.00"), 0),
    ]
    assert paid() == {"(no_project)": D("9.00")}
    done = run(rules)
    assert done.differences == said.differences
    assert paid() == {"a": D("4.00"), "(no_project)": D("5.00")}


def test_what_stays_the_same_is_not_written_and_rules_in_force_stay_without_a_file(
    account: Account, run: Apply, paid: Paid
) -> None:
    account.line(account.invoice("i", "4.00"), "4.00", product="Volumes")
    rules = TWO + '[[rule]]\nname = "v"\nproduct = "Volumes"\nshares = { c = 0.5, a = 0.5 }\n'
    assert run(rules).changed == 2
    before = account.connection.execute(sa.text("SELECT * FROM cloud_cost_allocations")).all()
    costs = account.connection.execute(sa.text("SELECT * FROM cloud_tenant_costs")).all()
    again = run()
    assert (again.changed, again.differences) == (0, ())
    assert again.file.digest == run(rules).file.digest
    assert account.connection.execute(
        sa.text("SELECT * FROM cloud_cost_allocations")
    ).all() == before  # fmt: skip
    assert account.connection.execute(sa.text("SELECT * FROM cloud_tenant_costs")).all() == costs
    assert account.connection.scalar(sa.text("SELECT count(*) FROM cloud_allocation_rules")) == 1
    run("rule = []")
    assert paid() == {"(no_project)": D("4.00")}


def test_what_is_not_allocated_yet_is_nobodys(account: Account, run: Apply) -> None:
    account.project("shop", "acme")
    invoice = account.invoice("i", "9.00")
    account.line(invoice, "4.00", project_name="shop")

    def shown() -> list[tuple[object, ...]]:
        return [tuple(row) for row in account.connection.execute(sa.text(
            "SELECT tenant_id, reason, amount, complete FROM marts.cost_by_tenant ORDER BY 1, 2"
        ))]  # fmt: skip

    assert shown() == [(None, "not_allocated", D("9.00"), False)]
    run()
    assert shown() == [("acme", None, D("4.00"), True), ("acme", None, D("5.00"), True)]
    account.connection.execute(sa.text("UPDATE cloud_invoices SET amount = 12"))
    assert shown()[-1] == (None, "not_allocated", D("3.00"), False)
