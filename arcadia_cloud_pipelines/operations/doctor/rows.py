"""Rows that no sync puts right by itself: dated ahead of now, or of accounts nobody lists."""

from __future__ import annotations

from collections.abc import Iterator

from ...inventory.accounts import foreign_rows, stale_accounts
from ...inventory.freshness import ahead_of_time
from ...warehouse.engine import Warehouse
from .findings import Finding, wrong


def check_rows(warehouse: Warehouse) -> Iterator[Finding]:
    """Are rows dated ahead of now, or of accounts that nobody lists any more?"""
    for ahead in ahead_of_time(warehouse):
        yield wrong(
            "clock of a sync",
            f"the sync {ahead.id} of {ahead.kind} is dated {ahead.started_at:%Y-%m-%d %H:%M} UTC, "
            "ahead of now",
            f"set the clocks with NTP, then run `arcadia inventory void-sync {ahead.id}`",
        )
    for stale in stale_accounts(warehouse):
        yield wrong(
            "accounts",
            f"{stale.rows:,} live rows are of account {stale.account}, which no token lists any "
            "more",
            "if you do not use it any more, run `arcadia inventory retire-account "
            f"{stale.account}`",
        )
    for foreign in foreign_rows(warehouse):
        yield wrong(
            "accounts",
            str(foreign),
            "if you do not use the other account any more, run `arcadia inventory "
            "retire-account ID`; `arcadia inventory status` shows the id",
        )
