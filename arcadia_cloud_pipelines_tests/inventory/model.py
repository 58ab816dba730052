"""The data contract's inventory rules once more, in plain Python and nothing else.

Written from docs, not from the ledger: a test drives both and compares them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from arcadia_cloud_pipelines.inventory.sightings import Sighting

Fields = dict[str, Any]
"""What is said of a resource: only what has a value, times and tags as JSON has them."""


def fields_of(seen: Sighting) -> Fields:
    """The fields of a sighting."""
    import json

    columns = {
        "name": seen.name,
        "region": seen.region,
        "status": seen.status,
        "size_slug": seen.size_slug,
        "tags": list(seen.tags) or None,
        "created_at": seen.created_at and seen.created_at.isoformat(),
    }
    return json.loads(seen.attrs) | {k: v for k, v in columns.items() if v is not None}


@dataclass
class Row:
    """One resource."""

    account: str
    fields: Fields
    first_seen_at: datetime
    last_seen_at: datetime
    strikes: int = 0
    deleted_at: datetime | None = None
    events: list[tuple[str, datetime, dict[str, Any]]] = field(default_factory=list)


@dataclass
class Model:
    """All resources, by kind and identity, of all accounts."""

    rows: dict[tuple[str, str], Row] = field(default_factory=dict)
    newest: dict[tuple[str, str], datetime] = field(default_factory=dict)
    confirmed: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """Until when people's word counts that a loss is real."""

    def record(
        self, account: str, kind: str, began: datetime, listing: list[Sighting], complete: bool,
        unknown: frozenset[str] = frozenset(),
    ) -> dict[str, int]:  # fmt: skip
        """One listing; gives back the fields that were withheld and how many rows had them."""
        scope = (account, kind)
        if scope in self.newest and self.newest[scope] > began:
            return {}
        self.newest[scope] = began
        confirmed = scope in self.confirmed and self.confirmed[scope] > began
        live = {
            key: row
            for key, row in self.rows.items()
            if key[0] == kind and row.account == account and row.deleted_at is None
        }
        ours: dict[tuple[str, str], Fields] = {}
        for seen in listing:
            row = self.rows.get((kind, seen.provider_id))
            foreign = row is not None and row.account != account and row.deleted_at is None
            if not foreign:
                ours[kind, seen.provider_id] = fields_of(seen)
        withheld = {} if confirmed else self._blanked(live, ours)
        withheld = {name: count for name, count in withheld.items() if name not in unknown}
        for key, said in ours.items():
            self._see(key, said, account, began, unknown.union(withheld))
        missing = [
            row for key, row in live.items() if key not in {(kind, s.provider_id) for s in listing}
        ]
        implausible = not confirmed and len(live) >= 10 and 2 * len(missing) > len(live)
        if complete and not implausible:
            for row in missing:
                self._strike(row, began)
        if complete and not missing and confirmed:
            del self.confirmed[scope]
        return withheld

    @staticmethod
    def _blanked(
        live: dict[tuple[str, str], Row], ours: dict[tuple[str, str], Fields]
    ) -> dict[str, int]:
        had: dict[str, int] = {}
        for key in live.keys() & ours.keys():
            for name in live[key].fields:
                had[name] = had.get(name, 0) + 1
        has = {name for said in ours.values() for name in said}
        return {name: count for name, count in had.items() if count >= 3 and name not in has}

    def _see(
        self, key: tuple[str, str], said: Fields, account: str, began: datetime,
        withheld: frozenset[str],
    ) -> None:  # fmt: skip
        row = self.rows.get(key)
        if row is None:
            row = self.rows[key] = Row(account, said, began, began)
            changes = {name: {"from": None, "to": value} for name, value in said.items()}
            row.events.append(("discovered", began, changes))
            return
        said = said | {name: row.fields[name] for name in withheld if name in row.fields}
        changes = {
            name: {"from": row.fields.get(name), "to": said.get(name)}
            for name in row.fields.keys() | said.keys()
            if row.fields.get(name) != said.get(name)
        }
        event = "tagged" if changes.keys() == {"tags"} else "updated"
        if row.deleted_at is not None:
            event = "restored"
            changes["deleted_at"] = {"from": row.deleted_at.isoformat(), "to": None}
            if row.account != account:
                changes["account"] = {"from": row.account, "to": account}
        if changes:
            row.events.append((event, began, changes))
        row.account, row.fields = account, said
        row.last_seen_at, row.strikes, row.deleted_at = began, 0, None

    @staticmethod
    def _strike(row: Row, began: datetime) -> None:
        row.strikes += 1
        if row.strikes == 3:
            row.deleted_at = began
            gone = {"deleted_at": {"from": None, "to": began.isoformat()}}
            row.events.append(("deleted", began, gone))
