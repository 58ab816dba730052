"""The assets that are read at once because they were never read here.

Dagster itself runs, once, a tick that a schedule missed while the deployment was away. It has no
such tick for a schedule that it never saw before: without this a first start would show nothing
until the next quarter past, and no invoice until the next night. What counts is whether an asset
was ever filled, by whatever run: after a demo nothing is left to do.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

MOST_ATTEMPTS = 3
"""Runs without success after which the schedules go on alone, as where a kind always fails."""

OF_A_TEAM = (
    "inventory_sync",
    "balance_snapshot",
    "billing_history",
    "account_and_rates",
    "open_month",
    "daily_costs_read",
    "invoice_ingest",
)
"""Jobs that ask the API: where several teams are mirrored, each has runs of its own."""


@dataclass(frozen=True)
class Past:
    """Earlier runs of a first refresh."""

    under_way: str | None = None
    """The one that still works."""
    failed: frozenset[str] = frozenset()
    """Assets that failed a moment ago. Those that were skipped for them are not among these."""
    outage: bool = False
    """True if the newest run failed for the whole account, which did not answer since."""
    outage_is_new: bool = False
    """True if that was a moment ago."""
    attempts: int = 0
    """Runs that failed for something else."""
    outages: int = 0
    """Runs that failed for the whole account."""


def due(missing: AbstractSet[str], past: Past) -> frozenset[str]:
    """Return the assets to read now, all in one run: their order is Dagster's business.

    What a failed asset kept others from is read without it; it has its own next attempt later.

    Args:
        missing: assets that were never filled.
        past: earlier runs.
    """
    if past.under_way is not None or is_over(missing, past):
        return frozenset()
    if past.outage and (past.outage_is_new or past.outages >= MOST_ATTEMPTS):
        return frozenset()
    return frozenset(missing) - past.failed


def is_over(missing: AbstractSet[str], past: Past) -> bool:
    """Return whether nothing is left to start here."""
    return not missing or past.attempts >= MOST_ATTEMPTS
