"""Questions to the warehouse: is the data current, whole, and adding up?

Each asks about everything of its kind at once, and raises where there is no answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from ..common.late import CLOCK_TOLERANCE
from ..common.severity import Severity
from ..common.times import ago
from ..drift.inbox import says
from ..drift.words import field_text
from ..inventory.freshness import STALE_AFTER, kind_syncs, mirrored_teams
from ..kinds import KIND_BY_NAME
from ..warehouse.statements import Statements
from .billing_conditions import (
    ending_prepayments,
    missing_invoices,
    products_without_rule,
    strained_budgets,
    unreconciled_invoices,
    unusual_costs,
)
from .model import Alarm, Answer, alarm_key
from .sources import Question, Sources
from .teams import whose_account
from .token_conditions import LISTED_ELSEWHERE, rejected_tokens

_SQL = Statements(__file__)


def late(sources: Sources) -> Answer:
    """Find kinds and other sources that have not come in for too long."""
    now = sources.now
    teams = mirrored_teams(sources.warehouse)
    bad = []
    for sync in kind_syncs(sources.warehouse):
        if sync.kind not in KIND_BY_NAME and sync.kind not in LISTED_ELSEWHERE:
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


def _late(source: str, problem: str, account: str | None, teams: Mapping[str, str | None]) -> Alarm:
    part, whose = whose_account(account, teams)
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
            part, whose = whose_account(sync.account, teams)
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
