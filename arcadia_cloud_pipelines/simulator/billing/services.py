"""Lines of the younger products: one price a month, whatever the resource's size.

Prices are the simulator's own and small beside those of droplets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from .. import catalog
from ..lives import Facts, Life, ResourceId
from .basics import SimulatedLine, charges_of

if TYPE_CHECKING:
    from ..account import SimulatedAccount

Text = Callable[[Facts, ResourceId], str]


@dataclass(frozen=True)
class Service:
    """How the resources of a kind are billed."""

    kind: str
    product: str
    year: int
    """Billed since January of it."""
    monthly: str
    text: Text
    group: Text = lambda _facts, _id: ""
    has_id: bool = True


def _name(facts: Facts, _id: ResourceId) -> str:
    return str(facts["name"])


def _in_region(facts: Facts, _id: ResourceId) -> str:
    return f"{facts['name']} ({facts['region']})"


SERVICES = (
    Service(
        "database_replica", "Database Clusters", 2017, "15",
        lambda _facts, _id: "Read-only Node (db-s-1vcpu-1gb)",
        lambda facts, _id: f"{facts['name']} (PostgreSQL)",
    ),
    Service(
        "nfs_share", "Network File Storage", 2025, "12",
        lambda f, _id: f"{f['name']} ({f['region']}) {f['size_gib']}GiB",
    ),
    Service(
        "nfs_snapshot", "NFS Snapshots", 2025, "2.50",
        lambda f, _id: f"{f['name']} ({f['region']}) {f['size_gib']}GiB NFS Snapshot",
    ),
    Service(
        "reserved_ipv6", "Reserved IPv6", 2026, "0.50",
        lambda _facts, address: f"Unused Reserved IPv6 - {address}",
        has_id=False,
    ),
    Service("nat_gateway", "VPC NAT Gateways", 2025, "20", _in_region),
    Service("partner_attachment", "Partner Network Connect", 2025, "25", _in_region),
    Service(
        "byoip_prefix", "BYOIP", 2025, "3",
        lambda facts, _id: f"{facts['prefix']} ({facts['region']})",
    ),
    Service("cdn_endpoint", "CDN Endpoints", 2019, "1", lambda facts, _id: str(facts["origin"])),
    Service("microvm", "MicroVMs", 2026, "2", _in_region),
    Service(
        "app", "App Platform", 2021, "12",
        lambda _facts, _id: "Basic (1 container)",
        lambda facts, _id: str(facts["spec"]["name"]),
        has_id=False,
    ),
    Service(
        "function_namespace", "Functions", 2022, "0.85",
        lambda _facts, _id: "GiB-seconds beyond the free ones",
        lambda facts, _id: str(facts["label"]),
    ),
    Service("uptime_check", "Uptime Health Check", 2023, "1", _name, has_id=False),
    Service(
        "addon", "Add-Ons", 2021, "9", lambda f, _id: f"{f['name']} ({f['plan_name']})",
    ),
    Service(
        "knowledge_base", "Knowledge Bases", 2025, "6", lambda f, _id: f"{f['name']} (Indexing)",
    ),
    Service(
        "custom_model", "Custom Models", 2025, "4", lambda f, _id: f"{f['name']} (Storage)",
        has_id=False,
    ),
    Service("agent", "Agents", 2025, "8", _in_region, has_id=False),
    Service("vector_database", "Vector Databases", 2026, "15", _in_region),
    Service(
        "dedicated_inference", "Dedicated Inference", 2026, "30",
        lambda facts, number: f"{number} ({facts['region']})",
    ),
)  # fmt: skip


def service_lines(
    account: SimulatedAccount, start: datetime, until: datetime
) -> Iterator[SimulatedLine]:
    """Return the lines of all services that are billed in a month, up to `until`."""
    for service in SERVICES:
        if start.year < service.year:
            continue
        price = catalog.monthly_price(service.monthly)
        for life in account.lives[service.kind].values():
            stretches = account.intervals_of(life, start, until)
            for charge in charges_of(replace(one, price=price) for one in stretches):
                facts = charge.stretch.facts
                yield SimulatedLine(
                    service.product, service.text(facts, life.id), charge.amount,
                    charge.stretch.started_at, charge.stretch.ended_at, charge.hours,
                    service.group(facts, life.id),
                    resource_uuid=_uuid(life) if service.has_id else None,
                    kind=service.kind, life_id=life.id,
                )  # fmt: skip


def _uuid(life: Life) -> str:
    """Return its id; of a namespace of functions the part that is a uuid."""
    return str(life.id).removeprefix("fn-")


_TEAM = (
    ("Support Plan", "Developer Support", 2024, "24.00"),
    ("Serverless Inference", "llama3.3-70b-instruct, 4,100 thousand input tokens", 2025, "2.67"),
    ("Spaces Subscription", "simulated-assets (nyc3) 310GiB", 2025, "1.20"),
    ("Minimum Spend", "Difference to the minimum of the plan", 2026, "0.35"),
)

_EARLIER_NAMES = {
    ("volume_snapshot", 2021): "Snapshots",
    ("image", 2022): "Custom Images",
    ("database_replica", 2024): "Database Replicas",
}
"""Products that had another name for a year, by kind and year."""


def in_words_of_time(line: SimulatedLine, year: int) -> SimulatedLine:
    """Return a line with the name that its product had in a year."""
    return line._replace(product=_EARLIER_NAMES.get((line.kind or "", year), line.product))


def team_lines(start: datetime) -> Iterator[tuple[str, str, Decimal]]:
    """Return product, text and amount of what the team pays as a whole.

    The bucket's line is among them: no resource of the simulator's own stands behind a bucket.
    """
    for product, text, year, amount in _TEAM:
        if start >= datetime(year, 1, 1, tzinfo=UTC):
            yield product, text, Decimal(amount)
