"""Which jobs should run at once because they never ran to an end here?

Dagster itself runs, once, a tick that a schedule missed while the deployment was away. It has no
such tick for a schedule that it never saw before: without this a first start would show nothing
until the next quarter past, and no invoice until the next night.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MOST_ATTEMPTS = 3
"""Runs without success after which a job waits for its schedule, as where a scope is missing."""

FIRST = "inventory_sync"
"""Begins alone: where the account does not answer, one run fails for it and not one of each job."""

AFTER: Mapping[str, tuple[str, ...]] = {
    FIRST: (),
    "balance_snapshot": (),
    "billing_history": (),
    "account_and_rates": (),
    "open_month": (FIRST, "billing_history"),
    "daily_costs_read": (FIRST,),
    "terraform_import": (FIRST,),
    "drift_sweep": (FIRST, "terraform_import"),
    "cost_allocation": ("invoice_ingest",),
    "cost_forecast": ("invoice_ingest", "open_month", "daily_costs_read", "account_and_rates"),
}
"""Jobs by name, each with those that have to be over before it: it reads what they wrote.

`invoice_ingest`, the lines of invoices, is not started here: its sensor asks for it once invoices
are known."""

OF_A_TEAM = frozenset(
    {FIRST, "balance_snapshot", "billing_history", "account_and_rates", "open_month",
     "daily_costs_read", "invoice_ingest"}
)  # fmt: skip
"""Jobs that ask the API: where several teams are mirrored, each has runs of its own."""

LOOKED_AT = tuple(dict.fromkeys([*AFTER, *(name for before in AFTER.values() for name in before)]))
"""Jobs whose runs matter here."""


@dataclass(frozen=True)
class Past:
    """The runs that a job had so far."""

    runs: int = 0
    succeeded: bool = False
    reason_to_wait: str | None = None
    """Why not to start another now: one is under way, or failed a moment ago."""
    under_way: bool = False


def due(past: Mapping[str, Past], *, account_answers: bool) -> list[str]:
    """Return the jobs to start now, in order.

    Args:
        past: of each job; one that is not in it never ran.
        account_answers: whether a run learned whose the account is.
    """
    known = {name: past.get(name, Past()) for name in LOOKED_AT}
    return [
        name
        for name, before in AFTER.items()
        if _is_wanted(known[name])
        and known[name].reason_to_wait is None
        and (account_answers or name == FIRST)
        and all(_is_over(known[other]) for other in before)
    ]


def is_done(past: Mapping[str, Past]) -> bool:
    """Return whether nothing is left to start here."""
    return not any(_is_wanted(past.get(name, Past())) for name in AFTER)


def _is_wanted(past: Past) -> bool:
    return not past.succeeded and past.runs < MOST_ATTEMPTS


def _is_over(past: Past) -> bool:
    return past.runs > 0 and not past.under_way
