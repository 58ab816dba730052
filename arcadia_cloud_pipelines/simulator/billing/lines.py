"""The lines of a month's invoice, computed from the lives of the account."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from .. import catalog
from ..lives import Interval, Life, ResourceId
from ..registry import KINDS
from .basics import (
    HOUR,
    SECOND,
    SPACES_SINCE,
    TAXES,
    UNKNOWN_PRODUCT,
    WELCOME,
    ZERO,
    SimulatedLine,
    charges_of,
    next_month,
    to_cents,
)
from .ids import with_ids
from .services import in_words_of_time, service_lines, team_lines

if TYPE_CHECKING:
    from ..account import SimulatedAccount

_UNKNOWN_SINCE = datetime(2025, 1, 1, tzinfo=UTC)
_DISCOUNTS_SINCE = datetime(2025, 6, 1, tzinfo=UTC)
_PROJECTS_SINCE = datetime(2018, 9, 1, tzinfo=UTC)
_GPU_NAMED_SINCE = datetime(2026, 7, 1, tzinfo=UTC)
_DAILY_SINCE = datetime(2024, 11, 1, tzinfo=UTC)
_ENGINE_IN_GROUP_SINCE = datetime(2022, 1, 1, tzinfo=UTC)
_BALANCER_GROUP_SINCE = datetime(2024, 1, 1, tzinfo=UTC)
_WEEKLY_RATE = Decimal("0.20")
_DAILY_RATE = Decimal("0.30")
_ENGINES = {"pg": "PostgreSQL", "mysql": "MySQL", "valkey": "Valkey"}


class Month:
    """Makes the lines of the use of one month, up to `until`."""

    def __init__(self, account: SimulatedAccount, start: datetime, until: datetime) -> None:
        self._account = account
        self.start = start
        self.until = until
        self.end = next_month(start)
        self._lives: dict[str, dict[ResourceId, list[Interval]]] = {}
        kinds = [kind.name for kind in KINDS.values() if kind.price is not None]
        for stretch in account.intervals(start, until, kinds):
            self._lives.setdefault(stretch.kind, {}).setdefault(stretch.id, []).append(stretch)

    def lines(self) -> list[SimulatedLine]:
        """All of them, taxes and credits last; none when nothing was used."""
        used = [
            *self._droplets(),
            *self._backups(),
            *self._snapshots("droplet_snapshot", "Droplet Snapshots"),
            *self._snapshots("image", "Droplet Snapshots"),
            *self._volumes(),
            *self._snapshots("volume_snapshot", "Volume Snapshots"),
            *self._clusters(),
            *self._databases(),
            *self._balancers(),
            *self._addresses(),
            *self._registries(),
            *service_lines(self._account, self.start, self.until),
        ]
        if not used:
            return []
        used = [in_words_of_time(with_ids(line), self.start.year) for line in used]
        used += self._team_wide()
        charges = sum((line.amount for line in used), ZERO)
        credits = list(self._credits(charges))
        taxable = charges + sum((line.amount for line in credits), ZERO)
        return [*used, *self._taxes(taxable), *credits]

    # ---- helpers

    def _of(self, kind: str) -> Iterator[tuple[Life, list[Interval]]]:
        for life_id, stretches in self._lives.get(kind, {}).items():
            yield self._account.lives[kind][life_id], stretches

    def _project(self, stretch: Interval) -> str:
        if stretch.ended_at < _PROJECTS_SINCE:
            return ""
        life = self._account.lives["project"].get(stretch.project_id)
        return name_at(life, stretch.ended_at) if life is not None else ""

    def _last_second(self, at: datetime) -> datetime:
        """Some products end a month one second before the next one starts."""
        return at - SECOND if at == self.end else at

    def _hours(self) -> int:
        return int((self.until - self.start) / HOUR)

    def _cluster_of(self, stretch: Interval) -> str | None:
        for tag in stretch.facts["tags"]:
            if tag.startswith("k8s:") and tag[4:] in self._account.lives["kubernetes_cluster"]:
                return str(tag[4:])
        return None

    # ---- products

    def _droplets(self) -> Iterator[SimulatedLine]:
        for life, stretches in self._of("droplet"):
            if self._cluster_of(stretches[-1]) is not None:
                continue
            for charge in charges_of(stretches):
                stretch = charge.stretch
                gpu = str(stretch.size_slug).startswith("gpu-")
                yield SimulatedLine(
                    "GPU Droplets" if gpu and self.start >= _GPU_NAMED_SINCE else "Droplets",
                    f"{stretch.facts['name']} ({stretch.size_slug})",
                    charge.amount, stretch.started_at, stretch.ended_at, charge.hours,
                    project=self._project(stretch), resource_id=str(life.id), kind="droplet",
                    life_id=life.id,
                )  # fmt: skip

    def _backups(self) -> Iterator[SimulatedLine]:
        for life, stretches in self._of("droplet"):
            if self._cluster_of(stretches[-1]) is not None:
                continue
            spans = list(life.spans(self.start, self.until))
            on = [(b, e) for b, e, facts in spans if "backups" in facts["features"]]
            daily = self.start >= _DAILY_SINCE and int(life.id) % 2 == 1
            taken = [at for b, e in on for at in _backup_times(int(life.id), daily, b, e)]
            if not taken:
                continue
            cost = sum((charge.amount for charge in charges_of(stretches)), ZERO)
            share = Decimal(int(sum(((e - b) for b, e in on), timedelta()).total_seconds())) / int(
                sum(((e - b) for b, e, _ in spans), timedelta()).total_seconds()
            )
            last = stretches[-1]
            yield SimulatedLine(
                "Droplet Backups",
                f"{last.facts['name']} ({'Daily' if daily else 'Weekly'} Backup Services)",
                to_cents(cost * share * (_DAILY_RATE if daily else _WEEKLY_RATE)),
                taken[0], taken[-1] + timedelta(minutes=3), len(taken),
                project=self._project(last), resource_id=str(life.id), kind="droplet",
                life_id=life.id,
            )  # fmt: skip

    def _snapshots(self, kind: str, product: str) -> Iterator[SimulatedLine]:
        for life, stretches in self._of(kind):
            for charge in charges_of(stretches):
                facts = charge.stretch.facts
                yield SimulatedLine(
                    product,
                    f"{facts['name']} ({facts['regions'][0]}) {facts['size_gigabytes']:.2f}GB "
                    f"{product.removesuffix('s')}",
                    charge.amount, charge.stretch.started_at, charge.stretch.ended_at,
                    charge.hours,
                    resource_id=None if kind == "volume_snapshot" else str(life.id),
                    resource_uuid=str(life.id) if kind == "volume_snapshot" else None,
                    kind=kind, life_id=life.id,
                )  # fmt: skip

    def _volumes(self) -> Iterator[SimulatedLine]:
        for life, stretches in self._of("volume"):
            for charge in charges_of(stretches):
                stretch = charge.stretch
                yield SimulatedLine(
                    "Volumes",
                    f"{stretch.facts['name']} ({stretch.facts['region']}) "
                    f"{stretch.facts['size_gigabytes']}GB",
                    charge.amount, stretch.started_at, self._last_second(stretch.ended_at),
                    charge.hours, project=self._project(stretch), resource_uuid=str(life.id),
                    kind="volume", life_id=life.id,
                )  # fmt: skip

    def _clusters(self) -> Iterator[SimulatedLine]:
        workers: dict[str, dict[str, list[list[Interval]]]] = {}
        for _, stretches in self._of("droplet"):
            cluster = self._cluster_of(stretches[-1])
            if cluster is not None:
                # A worker keeps its size.
                slug = str(stretches[-1].size_slug)
                workers.setdefault(cluster, {}).setdefault(slug, []).append(stretches)
        planes = self._lives.get("kubernetes_cluster", {})
        for cluster in {**dict.fromkeys(workers), **dict.fromkeys(map(str, planes))}:
            life = self._account.lives["kubernetes_cluster"][cluster]
            name = name_at(life, self.until)
            mine = planes.get(cluster, [])
            # A worker may outlive its cluster by a moment.
            project = self._project(mine[-1]) if mine else ""
            for slug, nodes in workers.get(cluster, {}).items():
                charges = [charge for stretches in nodes for charge in charges_of(stretches)]
                hours = sum(charge.hours for charge in charges)
                size = catalog.SIZES[slug]
                count = max(1, round(hours / max(1, self._hours())))
                memory = f"{size.memory // 1024} GB" if size.memory >= 1024 else "512 MB"
                yield SimulatedLine(
                    "Kubernetes Clusters",
                    f"{count} nodes - {memory} / {size.vcpus} vCPU / {size.disk} GB SSD",
                    sum((charge.amount for charge in charges), ZERO),
                    min(charge.stretch.started_at for charge in charges),
                    max(charge.stretch.ended_at for charge in charges),
                    hours, name, project, resource_uuid=cluster, kind="kubernetes_cluster",
                    life_id=cluster,
                )  # fmt: skip
            for charge in charges_of(mine):
                yield SimulatedLine(
                    "Kubernetes Clusters", "High Availability Control Plane", charge.amount,
                    charge.stretch.started_at, charge.stretch.ended_at, charge.hours, name,
                    project, resource_uuid=cluster, kind="kubernetes_cluster", life_id=cluster,
                )  # fmt: skip

    def _databases(self) -> Iterator[SimulatedLine]:
        for life, stretches in self._of("database"):
            name = name_at(life, self.until)
            engine = _ENGINES.get(life.facts["engine"], life.facts["engine"])
            group = f"{name} ({engine})" if self.start >= _ENGINE_IN_GROUP_SINCE else name
            for charge in charges_of(stretches):
                stretch = charge.stretch
                nodes = max(1, int(stretch.facts["num_nodes"]))
                standby = to_cents(charge.amount / nodes)
                rows = [
                    ("Primary Node", charge.amount - standby * (nodes - 1)),
                    *[("Standby Node", standby)] * (nodes - 1),
                ]
                rows = [(f"{row} ({stretch.size_slug})", amount) for row, amount in rows]
                if self.start >= _ENGINE_IN_GROUP_SINCE:
                    rows.append(("Additional Storage (0GiB)", ZERO))
                for description, amount in rows:
                    yield SimulatedLine(
                        "Database Clusters", description, amount, stretch.started_at,
                        stretch.ended_at, charge.hours, group, self._project(stretch),
                        resource_uuid=str(life.id), kind="database", life_id=life.id,
                    )  # fmt: skip

    def _balancers(self) -> Iterator[SimulatedLine]:
        group = "HTTP Load Balancers" if self.start >= _BALANCER_GROUP_SINCE else ""
        for life, stretches in self._of("load_balancer"):
            for charge in charges_of(stretches):
                yield SimulatedLine(
                    "Load Balancers", charge.stretch.facts["name"], charge.amount,
                    charge.stretch.started_at, charge.stretch.ended_at, charge.hours, group,
                    self._project(charge.stretch), resource_uuid=str(life.id),
                    kind="load_balancer", life_id=life.id,
                )  # fmt: skip

    def _addresses(self) -> Iterator[SimulatedLine]:
        for life, stretches in self._of("reserved_ip"):
            for charge in charges_of(stretches):
                yield SimulatedLine(
                    "Floating IPs", f"Unused Floating IP - {life.id}", charge.amount,
                    charge.stretch.started_at, charge.stretch.ended_at, charge.hours,
                    project=self._project(charge.stretch), kind="reserved_ip", life_id=life.id,
                )  # fmt: skip

    def _registries(self) -> Iterator[SimulatedLine]:
        for life, stretches in self._of("registry"):
            for charge in charges_of(stretches):
                yield SimulatedLine(
                    "Container Registry Subscription",
                    f"Container Registry ({charge.stretch.size_slug})",
                    charge.amount, charge.stretch.started_at, charge.stretch.ended_at,
                    charge.hours, kind="registry", life_id=life.id,
                )  # fmt: skip

    def _team_wide(self) -> Iterator[SimulatedLine]:
        """Bill what no resource stands behind."""
        if not self._account.droplets:
            return
        rng = self._account.rng("team-wide", self.start.date())
        if self._lives.get("registry") and rng.random() < 0.3:
            amount = to_cents(Decimal(rng.randrange(10, 200)) / 100)
            yield self._of_team(
                "Container Registry Subscription", "Container Registry Storage Overage", amount
            )
        if self.start >= SPACES_SINCE:
            old = self.start.year < 2023
            text = "250GB storage & 1TB bandwidth" if old else "250GiB storage & 1TiB transfer"
            yield self._of_team("Spaces Subscription", f"Spaces ($5/mo {text})", Decimal("5.00"))
        if self.start >= _UNKNOWN_SINCE:
            yield self._of_team(UNKNOWN_PRODUCT, "vault-1, 3 qubits", Decimal("1.50"))
        if rng.random() < 0.15:
            amount = to_cents(Decimal(rng.randrange(1, 900)) / 100)
            yield self._of_team("Bandwidth", "Bandwidth overage", amount)
        for product, text, amount in team_lines(self.start):
            yield self._of_team(product, text, amount)

    def _of_team(self, product: str, text: str, amount: Decimal) -> SimulatedLine:
        return SimulatedLine(product, text, amount, self.start, self.until, self._hours())

    def _taxes(self, taxable: Decimal) -> Iterator[SimulatedLine]:
        year = self.start.year
        if taxable > 0 and (2018 <= year <= 2020 or year >= 2024):
            yield SimulatedLine(
                TAXES, "GST India (18.00%)", to_cents(taxable * Decimal("0.18")),
                self.start, self._last_second(self.end),
            )  # fmt: skip

    def _credits(self, charges: Decimal) -> Iterator[SimulatedLine]:
        rng = self._account.rng("credits", self.start.date())
        first = self.start <= self._account.history_start
        dates = (None, None) if self.start.year < 2020 else (self.start, self.end - SECOND)
        if first and charges > 0:
            # The promotion for new customers pays for all of it.
            yield SimulatedLine(
                "Credits", "Promo Code: NEW, $100", -min(charges, Decimal(100)), *dates
            )
        elif rng.random() < 0.08:
            text = "Inference Cloud Trial" if self.start.year >= 2025 else "Service credit, sorry"
            credit = min(to_cents(charges / 4), Decimal(25))
            if credit:
                yield SimulatedLine("Credits", text, -credit, *dates)
        if self.start >= _DISCOUNTS_SINCE and self.start.month % 3 == 2:
            discount = to_cents(charges / 20)
            if discount:
                yield SimulatedLine("Discounts", "Committed use discount (5%)", -discount, *dates)
        if self.start >= _DISCOUNTS_SINCE and self.start.month % 6 == 2 and charges > 10:
            yield SimulatedLine(WELCOME, "For trying our new products", Decimal("-7.50"), *dates)


def name_at(life: Life, at: datetime) -> str:
    """The name a resource had just before an instant (or first, or last)."""
    name = life.versions[0].facts["name"]
    for version in life.versions:
        if version.valid_from < at:
            name = version.facts["name"]
    return str(name)


def _backup_times(number: int, daily: bool, begin: datetime, end: datetime) -> Iterator[datetime]:
    every = 24 if daily else 168
    hour = -(-int(begin.timestamp()) // 3600)
    hour += (number - hour) % every
    at = datetime.fromtimestamp(hour * 3600, UTC) + timedelta(minutes=number % 50)
    while at < end:
        yield at
        at += timedelta(hours=every)
