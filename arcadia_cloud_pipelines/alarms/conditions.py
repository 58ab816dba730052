"""Questions to the warehouse: is the data current, whole, and adding up?

Each asks about everything of its kind at once, and raises where there is no answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from ..billing import report
from ..drift.inbox import says
from ..drift.words import field_text
from ..inventory.freshness import STALE_AFTER, KindSyncs, kind_syncs, mirrored_teams
from ..kinds import KIND_BY_NAME, PROJECT, UNKNOWN
from ..late import CLOCK_TOLERANCE
from ..settings import Purpose, Settings, SettingsError
from ..severity import Severity
from ..teams import read_teams
from ..times import ago
from ..warehouse.statements import Statements
from .model import Alarm, Answer, alarm_key
from .sources import Question, Sources

PENDING_TOO_LONG = timedelta(days=2)
PREPAID_DAYS = 3
"""Days of prepaid usage from which people are told."""

_LISTED_ELSEWHERE = {UNKNOWN: PROJECT.purpose}

_SQL = Statements(__file__)


def late(sources: Sources) -> Answer:
    """Find kinds and other sources that have not come in for too long."""
    now = sources.now
    teams = mirrored_teams(sources.warehouse)
    bad = []
    for sync in kind_syncs(sources.warehouse):
        if sync.kind not in KIND_BY_NAME and sync.kind not in _LISTED_ELSEWHERE:
            continue  # a kind of another release
        if sync.complete_at is None:
            continue  # never listed: the check `complete` says why
        if problem := _age_problem(now - sync.complete_at, STALE_AFTER, "listed completely"):
            bad.append(_late(sync.kind, problem, sync.account, teams))
    with sources.warehouse.transaction() as connection:
        bad += [
            _late(row.source, problem, row.account, teams)
            for row in _SQL.run(connection, "sources", {"accounts": [*teams]})
            if (problem := _age_problem(now - row.as_of, row.late_after, "read"))
        ]
    return Answer("late/", bad)


def _age_problem(age: timedelta, limit: timedelta, done: str) -> str | None:
    if age < -CLOCK_TOLERANCE:
        return f"last {done} {ago(-age)} in the future, because a clock was wrong then"
    return f"last {done} {ago(age)} ago" if age > limit else None


def _whose(account: str | None, teams: Mapping[str, str | None]) -> tuple[tuple[str, ...], str]:
    """Return what tells one team's alarm from another's: more of its key, and of its subject."""
    if len(teams) < 2 or account is None:
        return (), ""
    return (account,), f" of team {teams.get(account) or account}"


def _late(source: str, problem: str, account: str | None, teams: Mapping[str, str | None]) -> Alarm:
    part, whose = _whose(account, teams)
    over = f" If the team is over: `arcadia inventory retire-account {account}`." if part else ""
    return Alarm(
        key=alarm_key("late", source, *part),
        subject=f"{source}{whose} late",
        text=problem,
        advice="Check that `arcadia up` runs, then look at the runs in the Dagster UI and at "
        f"`arcadia inventory status`.{over}",
        account=account,
    )


def suppressed_losses(sources: Sources) -> Answer:
    """Find kinds that lost more at once than is plausible, so that nothing was recorded."""
    bad = []
    teams = mirrored_teams(sources.warehouse)
    for sync in kind_syncs(sources.warehouse):
        losses = []
        if sync.answer_implausible:
            losses.append(f"{sync.answer_missing:,} live rows are missing from the listing")
        if sync.answer_withheld:
            fields = ", ".join(sorted(sync.answer_withheld))
            losses.append(f"{fields} became empty in all rows")
        if losses:
            part, whose = _whose(sync.account, teams)
            of = f" --account {sync.account}" if part else ""
            bad.append(
                Alarm(
                    key=alarm_key("loss_suppressed", sync.kind, *part),
                    subject=f"{sync.kind}{whose}: implausible loss",
                    text=f"{'; '.join(losses)}. This was not recorded",
                    advice="Look at DigitalOcean and at the token's scopes. If the loss is real, "
                    f"run `arcadia inventory confirm-loss {sync.kind}{of}`.",
                    account=sync.account,
                )
            )
    return Answer("loss_suppressed/", bad)


def rejected_tokens(sources: Sources) -> Answer:
    """Find purposes whose token the API refused at their newest sync."""
    teams = mirrored_teams(sources.warehouse)
    newest: dict[tuple[Purpose, str | None], KindSyncs] = {}
    for sync in kind_syncs(sources.warehouse):
        purpose = _purpose(sync.kind)
        if purpose is None:
            continue
        of = (purpose, sync.account if len(teams) > 1 else None)
        if of not in newest or sync.started_at > newest[of].started_at:
            newest[of] = sync
    bad, unsure = [], set()
    for (purpose, _), sync in newest.items():
        part, whose = _whose(sync.account, teams)
        key = alarm_key("token_rejected", purpose.value, *part)
        if sync.complete or not sync.available:
            continue
        if "answered 401" not in (sync.error or ""):
            unsure.add(key)
            continue
        where = _token_place(sources.settings, purpose, teams.get(sync.account or ""))
        bad.append(
            Alarm(
                key=key,
                subject=f"token {purpose.value}{whose}",
                text="DigitalOcean refuses the token (401), so nothing is read with it",
                advice=(
                    f"Set a valid token in {where}, and restart."
                    if where
                    else "Set a valid token with `arcadia init` or in DO_API_TOKEN (or "
                    f"DO_API_TOKEN_{purpose.name}), and restart."
                ),
                severity=Severity.CRITICAL,
                account=sync.account,
            )
        )
    return Answer("token_rejected/", bad, unsure=frozenset(unsure))


def _token_place(settings: Settings, purpose: Purpose, team: str | None) -> str | None:
    """Return where the token of a team stands; None where one team is mirrored."""
    if settings.accounts is None or team is None:
        return None
    try:
        place = read_teams(settings)[team].settings.token_sources[purpose]
    except (SettingsError, KeyError):
        place = "what it names"
    return f"{place} (the entry of {team} in {settings.accounts})"


def _purpose(kind: str) -> Purpose | None:
    if kind in KIND_BY_NAME:
        # Buckets are listed with a key pair of Spaces, not with the token.
        return KIND_BY_NAME[kind].purpose if KIND_BY_NAME[kind].endpoints else None
    return _LISTED_ELSEWHERE.get(kind)


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


API_CHANGE_OPEN = timedelta(days=7)
"""How long a new field of the API is shown; it is told once, when it is seen."""


def api_changes(sources: Sources) -> Answer:
    """Find fields that the API began to tell of all resources of a kind at once."""
    with sources.warehouse.transaction() as connection:
        rows = _SQL.run(connection, "api_changes", {"since": sources.now - API_CHANGE_OPEN}).all()
    bad = [
        Alarm(
            key=alarm_key("api_change", str(row.id)),
            subject=f"{row.kind}: new field {row.field}",
            text=f"the API began to send {row.field} ({row.example_type}) for {row.rows:,} "
            f"resources at once, first seen {row.occurred_at:%Y-%m-%d %H:%M} UTC. No resource has "
            "an event for it",
            advice="Do nothing, or report it if its value changes by itself or may be a secret.",
            severity=Severity.WARNING,
            account=row.account,
        )
        for row in rows
    ]
    return Answer("api_change/", bad, ending="The field is known now.")


def new_drift(sources: Sources) -> Answer:
    """Find resources that differ from their spec."""
    with sources.warehouse.transaction() as connection:
        rows = _SQL.run(connection, "open_drift").all()
        ended = _SQL.run(connection, "drift_endings").all()
    bad = [
        Alarm(
            key=alarm_key("drift", str(row.id)),
            subject=f"drift #{row.id} {row.kind} {row.name or row.provider_id}",
            text=f"{field_text(row.field)} "
            + says(row.field, row.desired, row.actual, row.successor),
            advice=f"Change the resource back, or run `arcadia drift accept {row.id}`.",
            # The next detection run judges what an earlier release opened.
            severity=Severity(row.severity or Severity.WARNING),
            account=row.account,
        )
        for row in rows
    ]
    endings = {
        row.key: f"Accepted by {row.resolved_by}." if row.status == "accepted"
        else "The resource is as desired again."
        for row in ended
    }  # fmt: skip
    return Answer("drift/", bad, endings=endings)


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


QUESTIONS: dict[str, Question] = {
    "late": late,
    "loss_suppressed": suppressed_losses,
    "token_rejected": rejected_tokens,
    "invoice_off": unreconciled_invoices,
    "invoice_missing": missing_invoices,
    "unknown_product": products_without_rule,
    "api_change": api_changes,
    "drift": new_drift,
    "budget": strained_budgets,
    "anomaly": unusual_costs,
    "prepayment": ending_prepayments,
}
"""By the kind of alarm that they can raise."""
