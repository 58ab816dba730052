"""The data contract's inventory rules once more, in plain Python and nothing else.

Written from docs, not from the ledger: a test drives both and compares them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from arcadia_cloud_pipelines.inventory.sightings import Sighting

Fields = dict[str, Any]
"""What is said of a resource: only what has a value, times and tags as JSON has them."""
Key = tuple[str, str]
"""Kind and identity."""


def fields_of(seen: Sighting) -> Fields:
    """The fields of a sighting."""
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
    project: str | None = None
    """Uuid of the project."""
    strikes: int = 0
    deleted_at: datetime | None = None
    events: list[tuple[str, datetime, dict[str, Any]]] = field(default_factory=list)
    seen: Sighting | None = None
    """As last recorded; None when not all of it was: then the next one is looked at anew."""


@dataclass
class Model:
    """All resources, by kind and identity, of all accounts."""

    rows: dict[Key, Row] = field(default_factory=dict)
    newest: dict[tuple[str, str], datetime] = field(default_factory=dict)
    confirmed: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """Until when people's word counts that a loss is real."""
    projects: set[str] = field(default_factory=set)
    """Uuids of all that were ever listed."""
    members: dict[Key, tuple[str, str]] = field(default_factory=dict)
    """Account and project of each resource that is in one."""
    told_by_object: set[Key] = field(default_factory=set)
    """Those of the members that no project's list has, only the object itself says it."""

    def _superseded(self, scope: tuple[str, str], began: datetime) -> bool:
        """Whether a listing that began later was recorded; if not, this one is the newest."""
        if scope in self.newest and self.newest[scope] > began:
            return True
        self.newest[scope] = began
        return False

    def record(
        self, account: str, kind: str, began: datetime, listing: list[Sighting], complete: bool,
        unknown: frozenset[str] = frozenset(), soon: bool = False,
    ) -> dict[str, int]:  # fmt: skip
        """One listing; gives back the fields that were withheld and how many rows had them."""
        scope = (account, kind)
        if self._superseded(scope, began):
            return {}
        confirmed = scope in self.confirmed and self.confirmed[scope] > began
        live = {
            key: row
            for key, row in self.rows.items()
            if key[0] == kind and row.account == account and row.deleted_at is None
        }
        ours: dict[Key, Sighting] = {}
        for seen in listing:
            row = self.rows.get((kind, seen.provider_id))
            foreign = row is not None and row.account != account and row.deleted_at is None
            if not foreign:
                ours[kind, seen.provider_id] = seen
        withheld = {} if confirmed else self._blanked(live, ours)
        withheld = {name: count for name, count in withheld.items() if name not in unknown}
        for key, seen in ours.items():
            self._see(key, seen, account, began, unknown.union(withheld))
        missing = live.keys() - {(kind, s.provider_id) for s in listing}
        implausible = not confirmed and len(live) >= 10 and 2 * len(missing) > len(live)
        if complete and not implausible:
            for key in missing:
                if not (soon and live[key].strikes):
                    self._strike(key, live[key], began)
        if complete and not missing and confirmed:
            del self.confirmed[scope]
        return withheld

    @staticmethod
    def _blanked(live: dict[Key, Row], ours: dict[Key, Sighting]) -> dict[str, int]:
        had: dict[str, int] = {}
        for key in live.keys() & ours.keys():
            for name in live[key].fields:
                had[name] = had.get(name, 0) + 1
        has = {name for seen in ours.values() for name in fields_of(seen)}
        return {name: count for name, count in had.items() if count >= 3 and name not in has}

    def _see(
        self, key: Key, seen: Sighting, account: str, began: datetime, left: frozenset[str]
    ) -> None:
        said, project = fields_of(seen), self._project_of(key, seen, account)
        row = self.rows.get(key)
        if row is not None and row.seen == seen and row.deleted_at is None:
            row.last_seen_at, row.strikes = began, 0
            return
        own = seen.project if seen.project in self.projects else None
        # A project that is not known yet may be by the next listing.
        wait = seen.project is not None and own is None and not self._listed(key, account)
        if own is not None and not self._listed(key, account):
            self.members[key] = (account, own)
            self.told_by_object.add(key)
        if row is None:
            row = self.rows[key] = Row(account, said, began, began, project)
            row.seen = None if wait else seen
            known = said | ({"project_id": project} if project else {})
            changes = {name: {"from": None, "to": value} for name, value in known.items()}
            row.events.append(("discovered", began, changes))
            return
        said = said | {name: row.fields[name] for name in left if name in row.fields}
        changes = {
            name: {"from": row.fields.get(name), "to": said.get(name)}
            for name in row.fields.keys() | said.keys()
            if row.fields.get(name) != said.get(name)
        }
        if project and row.project != project:
            changes["project_id"] = {"from": row.project, "to": project}
        event = "tagged" if changes.keys() == {"tags"} else "updated"
        if row.deleted_at is not None:
            event = "restored"
            changes["deleted_at"] = {"from": row.deleted_at.isoformat(), "to": None}
            if row.account != account:
                changes["account"] = {"from": row.account, "to": account}
        if changes:
            row.events.append((event, began, changes))
        row.account, row.fields, row.project = account, said, project or row.project
        row.last_seen_at, row.strikes, row.deleted_at = began, 0, None
        row.seen = None if left or wait else seen

    def _listed(self, key: Key, account: str) -> bool:
        """Return true where a list of this account's projects has it."""
        standing = self.members.get(key)
        return standing is not None and standing[0] == account and key not in self.told_by_object

    def _project_of(self, key: Key, seen: Sighting, account: str) -> str | None:
        """From the project's own list, else as the object says, if that project is known.

        An object that says nothing any more is where it was.
        """
        own = seen.project if seen.project in self.projects else None
        standing = self.members.get(key)
        if standing is None or standing[0] != account:
            return own
        return standing[1] if self._listed(key, account) else own or standing[1]

    def _strike(self, key: Key, row: Row, began: datetime) -> None:
        row.strikes += 1
        if row.strikes == 3:
            if key in self.told_by_object and self.members[key][0] == row.account:
                self._leave(key)
            row.deleted_at = began
            gone = {"deleted_at": {"from": None, "to": began.isoformat()}}
            row.events.append(("deleted", began, gone))

    def _leave(self, key: Key) -> None:
        del self.members[key]
        self.told_by_object.discard(key)

    # -- projects -----------------------------------------------------------------------------

    def record_members(
        self, account: str, began: datetime, projects: list[str], whole: set[str],
        listed: Mapping[Key, str],
    ) -> bool:  # fmt: skip
        """The lists of the projects; `whole` are those that were read to the end.

        Gives back whether they were recorded at all.
        """
        if self._superseded((account, "project"), began):
            return False
        self.projects.update(projects)
        for key, project in listed.items():
            standing = self.members.get(key)
            row = self.rows.get(key)
            # Of two accounts that list it, the one that its row belongs to is right.
            ours = standing and (standing[0] == account or (row and row.account == account))
            if ours and standing[1] != project:
                self._leave(key)
        by_kind: dict[str, list[Key]] = {}
        for key, (whose, _) in self.members.items():
            if whose == account and key not in self.told_by_object:
                by_kind.setdefault(key[0], []).append(key)
        for keys in by_kind.values():
            gone = [k for k in keys if k not in listed and self.members[k][1] in whole]
            if len(keys) < 10 or 2 * len(gone) <= len(keys):
                for key in gone:
                    self._leave(key)
                    row = self.rows.get(key)
                    if row is not None and row.account == account:
                        row.seen = None  # its next listing is looked at: it may say where it is
        for key, project in listed.items():
            if self.members.setdefault(key, (account, project)) == (account, project):
                self.told_by_object.discard(key)
            row = self.rows.get(key)
            if row is not None and row.account == account and row.project != project:
                moved = {"project_id": {"from": row.project, "to": project}}
                row.events.append(("updated", began, moved))
                row.project = project
        return True
