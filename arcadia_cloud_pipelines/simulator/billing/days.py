"""The cost of each day, as Billing Insights tell it: by how much the books grew."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .basics import CREDITS, TAXES, SimulatedLine
from .lines import Month

if TYPE_CHECKING:
    from ..account import SimulatedAccount

FIRST_DAY = date(2025, 12, 1)

_Key = tuple[str, str, str, str]
"""SKU, region, description, group."""

_SKUS = {
    "Droplets": "1-DO-DROP-0109",
    "GPU Droplets": "1-DO-GPU-0201",
    "Droplet Backups": "1-DO-BKUP-0001",
    "Droplet Snapshots": "1-DO-SNAP-0001",
    "Volumes": "1-DO-VOL-0001",
    "Volume Snapshots": "1-DO-VSNAP-0001",
    "Kubernetes Clusters": "1-KS-K8SWN-00109",
    "Database Clusters": "1-DO-DBAAS-0001",
    "Load Balancers": "1-DO-LB-0001",
    "Floating IPs": "1-DO-RIP-0001",
    "Container Registry Subscription": "1-DO-DOCR-0001",
    "Spaces Subscription": "1-DO-SPACES-0001",
    "Bandwidth": "1-DO-BW-0001",
}


class Days:
    """The data points of an account, each day computed once."""

    def __init__(self, account: SimulatedAccount) -> None:
        self._account = account
        self._points: dict[date, list[dict[str, Any]]] = {}
        self._newest: tuple[datetime, dict[_Key, Decimal]] | None = None
        """Until when the books of a month were summed last: the next day begins there."""

    def points(self, first: date, last: date) -> list[dict[str, Any]]:
        """Data points of the days that are over; their sum in a month is its use."""
        with self._account.lock:
            found = []
            day = max(first, FIRST_DAY)
            while day <= last and day < self._account.now.date():
                if day not in self._points:
                    self._points[day] = self._of(day)
                found += self._points[day]
                day += timedelta(days=1)
            return found

    def _of(self, day: date) -> list[dict[str, Any]]:
        begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
        before = {}
        if day.day > 1:
            known = self._newest
            before = known[1] if known and known[0] == begin else self._until(begin, begin)
        after = self._until(begin, begin + timedelta(days=1))
        self._newest = (begin + timedelta(days=1), after)
        grown = dict(after)
        for key, amount in before.items():
            grown[key] = grown.get(key, Decimal(0)) - amount
        return [
            {
                "usage_team_urn": f"do:team:{self._account.team_uuid}",
                "start_date": day.isoformat(),
                "total_amount": f"{amount:.2f}",
                "region": region,
                "sku": sku,
                "description": description,
                "group_description": group,
            }
            for (sku, region, description, group), amount in grown.items()
            if amount
        ]

    def _until(self, within: datetime, until: datetime) -> dict[_Key, Decimal]:
        lines = Month(self._account, within.replace(day=1), until).lines()
        amounts: dict[_Key, Decimal] = {}
        for line in lines:
            if line.product not in CREDITS | {TAXES}:
                sku = _SKUS.get(line.product, "1-XX-NEW-0001")
                key = (sku, self._region(line), line.description, line.group)
                amounts[key] = amounts.get(key, Decimal(0)) + line.amount
        return amounts

    def _region(self, line: SimulatedLine) -> str:
        if line.kind is None or line.life_id is None:
            return ""
        facts = self._account.lives[line.kind][line.life_id].versions[0].facts
        region = facts.get("region") or next(iter(facts.get("regions", [])), "")
        return region if isinstance(region, str) else ""
