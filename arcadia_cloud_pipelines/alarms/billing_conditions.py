"""What of the bills must be told without looking: invoices, budgets, prepayments, unusual costs."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from ..billing import report
from ..common.severity import Severity
from ..warehouse.statements import Statements
from .model import Alarm, Answer, alarm_key
from .sources import Sources

_SQL = Statements(__file__)


PENDING_TOO_LONG = timedelta(days=2)
PREPAID_DAYS = 3
"""Days of prepaid usage from which people are told."""


def unreconciled_invoices(sources: Sources) -> Answer:
    """Find ingested invoices that do not add up."""
    bad = [
        Alarm(
            key=alarm_key("invoice_off", invoice.invoice_uuid),
            subject=f"invoice of {invoice.period:%Y-%m}",
            text=f"its lines add up to ${invoice.lines_total}, its amount is ${invoice.amount} "
            f"(invoice {invoice.invoice_uuid})",
            advice="Look at the check `reconciled` of cost_lines, and compare with the PDF.",
            severity=Severity.ERROR if invoice.off_by > report.TOLERANCE else Severity.WARNING,
        )
        for invoice in report.mismatches(sources.warehouse)
    ]
    return Answer("invoice_off/", bad)


def missing_invoices(sources: Sources) -> Answer:
    """Find invoices that are known and not ingested."""
    bad = []
    for row in report.not_ingested(sources.warehouse):
        uuid, period, status, since, error = row[:5]
        if status == "failed" or sources.now - since > PENDING_TOO_LONG:
            how = (
                f"could not be read: {error}"
                if status == "failed"
                else "waits to be read since " + (f"{since:%Y-%m-%d %H:%M} UTC")
            )
            bad.append(
                Alarm(
                    key=alarm_key("invoice_missing", uuid),
                    subject=f"invoice of {period:%Y-%m}",
                    text=f"it {how} (invoice {uuid})",
                    advice="Materialise cost_lines with this invoice in invoice_uuids, to read it "
                    "again.",
                )
            )
    return Answer("invoice_missing/", bad)


def products_without_rule(sources: Sources) -> Answer:
    """Find billed products that this release does not know."""
    with sources.warehouse.transaction() as connection:
        rows = _SQL.run(connection, "unknown_products").all()
    bad = [
        Alarm(
            key=alarm_key("unknown_product", row.product or ""),
            subject=f"product {row.product or 'without a name'}",
            text=f"{row.lines:,} lines, ${Decimal(row.amount):,}, of a product that this release "
            "does not know",
            advice="Update this release, or report the product. Until then its lines have no "
            "kind of resource.",
            severity=Severity.WARNING,
        )
        for row in rows
    ]
    return Answer("unknown_product/", bad)


def strained_budgets(sources: Sources) -> Answer:
    """Find budgets of the open month that are used up, or will be."""
    with sources.warehouse.transaction() as connection:
        rows = _SQL.run(connection, "budgets", {"now": sources.now}).all()
    bad, unsure = [], set()
    for row in rows:
        key = alarm_key("budget", row.account, row.name)
        if row.state == "unknown":
            unsure.add(key)
        elif row.state != "ok":
            over = row.state == "over"
            bad.append(
                Alarm(
                    key=key,
                    subject=f"budget {row.name}",
                    text=f"${row.used:,.2f} of ${row.amount:,.2f} are used ({row.scope}), and "
                    f"{row.period:%Y-%m} will come to ${row.expected:,.2f}",
                    advice="Look at marts.budgets and marts.cost_jumps. Delete what is not "
                    "needed, or change the file that ARCADIA_BUDGETS names.",
                    severity=Severity.ERROR if over else Severity.WARNING,
                    account=row.account,
                )
            )
    return Answer(
        "budget/", bad, unsure=frozenset(unsure), ending="The budget is kept, or its month is over."
    )


def ending_prepayments(sources: Sources) -> Answer:
    """Find accounts whose usage is stopped, or will be within days."""
    with sources.warehouse.transaction() as connection:
        rows = _SQL.run(connection, "prepayments").all()
    bad, unsure = [], set()
    for row in rows:
        key = alarm_key("prepayment", row.account)
        if row.blocked is None and row.days_left is None:
            unsure.add(key)  # nothing is said, which is not the same as well
        elif row.blocked or (row.days_left is not None and row.days_left <= PREPAID_DAYS):
            left = "" if row.balance is None else f"${row.balance:,.2f} are left"
            days = "" if row.days_left is None else f", for about {row.days_left} days"
            bad.append(
                Alarm(
                    key=key,
                    subject="usage is stopped" if row.blocked else "prepayment nearly used up",
                    text=(f"{left}{days}" if left else "usage is blocked")
                    + (": DigitalOcean blocks usage" if row.blocked and left else ""),
                    advice="Pay in advance in DigitalOcean's control panel (Billing).",
                    severity=Severity.CRITICAL if row.blocked else Severity.ERROR,
                    account=row.account,
                )
            )
    return Answer("prepayment/", bad, unsure=frozenset(unsure))


def unusual_costs(sources: Sources) -> Answer:
    """Find days of the last week, and the last closed month, that cost unusually much."""
    with sources.warehouse.transaction() as connection:
        rows = _SQL.run(connection, "anomalies", {"now": sources.now}).all()
    bad = [
        Alarm(
            key=alarm_key("anomaly", row.account, row.unit, str(row.period), row.scope),
            subject=f"cost of {row.scope}",
            text=f"{row.period:{'%Y-%m-%d' if row.unit == 'day' else '%Y-%m'}} cost "
            f"${row.amount:,.2f}, about ${row.expected:,.2f} are usual: "
            f"{row.because or 'many lines'}",
            advice="Look at marts.anomalies and marts.daily_cost.",
            severity=Severity.WARNING,
            account=row.account,
        )
        for row in rows
    ]
    return Answer("anomaly/", bad, ending="It was some time ago, or the cost was corrected.")
