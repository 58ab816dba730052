"""Recording what Terraform states desire: all of them together, and none at the cost of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from ..times import Clock, utc_now
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .errors import SpecError
from .spec_fields import canonical_json
from .specs import lock, write_specs
from .state_entries import StateSource
from .state_reading import read_states, unreadable
from .terraform_sources import (
    Source,
    SourceProblem,
    as_json,
    assemble,
    contents_from_json,
    described,
    hold_back,
    match_sources,
    together,
)
from .terraform_state import Contents, StateFile, TerraformError, parse_state

ACTOR = "terraform"

__all__ = ["ACTOR", "TerraformError", "TerraformSpecs", "parse_state", "record_states"]


@dataclass(frozen=True)
class TerraformSpecs:
    """Result of reading all states; counts of specs."""

    files: tuple[StateFile, ...]
    """The states that were recorded."""
    recorded: int
    """Known resources that the states describe."""
    changed: int
    withdrawn: int
    """Specs whose resource left the state it came from."""
    not_in_inventory: tuple[str, ...]
    """Described, but no listing has shown them: as kind/id."""
    problems: tuple[SourceProblem, ...] = ()
    """Files that could not be read or are not the newest, and what was not applied."""


_SQL = Statements(__file__)


def record_states(
    warehouse: Warehouse,
    paths: Sequence[str],
    *,
    sources: Sequence[StateSource] = (),
    unusable: Sequence[tuple[str, str]] = (),
    configured: bool = False,
    now: Clock = utc_now,
) -> TerraformSpecs:
    """Read states and record what they say together.

    A field is written when a state says something new of it: what was accepted or recorded by
    hand since stays until Terraform changes it. A resource that left its state is not desired by
    it any more, so that what Terraform destroyed is no drift; that implausibly many left is held
    back until somebody confirms it. A state that cannot be read, or is older than what was read
    before, changes nothing.

    Args:
        warehouse: where.
        paths: files and patterns.
        sources: states that live elsewhere.
        unusable: entries of the configuration that cannot be used, each with a sentence. Nobody
            knows which states they are, so none is missed.
        configured: whether these are all that the configuration names, so that a source that is
            not among them has lost its file.
        now: the clock.

    Raises:
        TerraformError: not one state could be recorded; no spec was touched.
    """
    states, problems = read_states(paths, sources)
    problems += [unreadable(place, text) for place, text in unusable]
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        lock(connection)
        at = now()
        known = _known(connection)
        matched = match_sources(states, list(known.values()))
        problems += matched.problems
        after = {source: together(s.contents, s.held) for source, s in known.items()}
        before = dict(after)
        rows = []
        for source, state in matched.chosen.items():
            old = before.get(source, Contents())
            held = hold_back(old, state.contents, _alive(connection, old))
            told = _held(source, state, described(held), old)
            problems += told
            after[source] = together(state.contents, held)
            rows.append(_row(source, state, held, told, configured))
        reasons = {source: f"serial {state.serial}" for source, state in matched.chosen.items()}
        applied = _apply(connection, before, after, reasons, ACTOR, at)
        _SQL.run(connection, "remember", {"rows": canonical_json(rows), "at": at})
        if configured:
            if not unusable:
                problems += _orphaned(known, matched.chosen, problems, states)
            _note(connection, problems, at)
    if not matched.chosen and problems and (paths or sources or unusable):
        raise TerraformError(" ".join(dict.fromkeys(p.text for p in problems)))
    return TerraformSpecs(tuple(matched.chosen.values()), *applied, tuple(problems))


def confirm_withdrawal(
    warehouse: Warehouse, source: str, *, actor: str, reason: str | None, now: Clock = utc_now
) -> int:
    """Withdraw what is held back of a source, or all of one that has lost its file.

    Returns:
        How many specs that changed.

    Raises:
        SpecError: there is no such source, or nothing to confirm.
    """
    if not actor.strip():
        raise SpecError("The actor is empty: give the name of the person who confirms.")
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        lock(connection)
        known = _known(connection)
        row = _SQL.run(connection, "source", {"source": source}).one_or_none()
        if row is None:
            raise SpecError(
                f"There is no Terraform state {source}: see `arcadia provisioned sources`."
            )
        if row.status not in ("held", "orphaned") and not described(known[source].held):
            raise SpecError(f"No change of {source} waits for confirmation: leave it as it is.")
        before = {name: together(s.contents, s.held) for name, s in known.items()}
        orphaned = row.status == "orphaned"
        left = Contents() if orphaned else known[source].contents
        _, changed, withdrawn, _ = _apply(
            connection, before, before | {source: left},
            {source: reason or "withdrawal confirmed"}, actor, now(),
        )  # fmt: skip
        _SQL.run(connection, "retire" if orphaned else "release", {"source": source})
    return changed + withdrawn


def reset_serial(warehouse: Warehouse, source: str) -> None:
    """Forget the serial of a source, so that the next reading takes an older state of it.

    Raises:
        SpecError: there is no such source.
    """
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        lock(connection)
        if _SQL.run(connection, "reset_serial", {"source": source}).rowcount == 0:
            raise SpecError(
                f"There is no Terraform state {source}: see `arcadia provisioned sources`."
            )


def list_sources(warehouse: Warehouse) -> Sequence[Mapping[str, Any]]:
    """Return every source, and every configured file that could not be read, by path."""
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        return [dict(row) for row in _SQL.run(connection, "sources").mappings()]


def _known(connection: sa.Connection) -> dict[str, Source]:
    known = {}
    for row in _SQL.run(connection, "known"):
        contents = contents_from_json(row.contents)
        if row.contents is None:
            # Of an earlier release: what its specs remember.
            said = _SQL.run(connection, "remembered", {"source": row.source})
            contents = Contents({(r.kind, r.provider_id): r.said for r in said})
        known[row.source] = Source(
            row.source, row.lineage, row.path, row.serial, contents, contents_from_json(row.held),
            row.configured,
        )  # fmt: skip
    return known


def _alive(connection: sa.Connection, contents: Contents) -> set[tuple[str, str]]:
    identities = [*described(contents)]
    wanted = [{"kind": kind, "provider_id": name} for kind, name in identities]
    if not wanted:
        return set()
    rows = _SQL.run(connection, "resolve", {"wanted": orjson.dumps(wanted).decode()})
    return {identities[r.ordinal - 1] for r in rows if r.resource_id is not None and r.lives}


def _held(
    source: str, state: StateFile, gone: set[tuple[str, str]], old: Contents
) -> list[SourceProblem]:
    if not gone:
        return []
    names = ", ".join(sorted("/".join(identity) for identity in gone)[:5])
    text = (
        f"{state.path} (serial {state.serial}) no longer describes {len(gone):,} of "
        f"{len(described(old)):,} resources that live, such as {names}: their specs stay as they "
        f"are. If that is meant: `arcadia provisioned confirm-withdrawal {source}`."
    )
    return [SourceProblem(state.path, "held", text, source)]


def _row(
    source: str, state: StateFile, held: Contents, told: Sequence[SourceProblem], configured: bool
) -> dict[str, Any]:
    return {
        "source": source, "lineage": state.lineage, "path": state.path, "serial": state.serial,
        "contents": as_json(state.contents), "configured": configured,
        "held": as_json(held) if told else None, "problem": told[0].text if told else None,
    }  # fmt: skip


def _orphaned(
    known: Mapping[str, Source], chosen: Mapping[str, StateFile], problems: Sequence[SourceProblem],
    states: Sequence[StateFile],
) -> list[SourceProblem]:  # fmt: skip
    """Name the sources that no configured file holds any more."""
    spoken = {problem.source for problem in problems} | {*chosen}
    unclear = {problem.path for problem in problems}
    lineages = {state.path: state.lineage for state in states}
    found = []
    for source, row in known.items():
        if source in spoken or row.path in unclear or not row.configured:
            continue
        now = lineages.get(row.path)
        why = (
            f"{row.path} holds another state now (lineage {now})"
            if now
            else f"no configured file holds this state any more (last: {row.path or 'unknown'})"
        )
        text = (
            f"{source}: {why}. Its specs stay until `arcadia provisioned confirm-withdrawal "
            f"{source}`."
        )
        found.append(SourceProblem(row.path, "orphaned", text, source))
    return found


def _note(connection: sa.Connection, problems: Sequence[SourceProblem], at: datetime) -> None:
    """Store what is wrong with which source or file; what is not wrong any more goes."""
    rows = [vars(problem) for problem in problems]
    known = [row for row in rows if row["source"] is not None]
    _SQL.run(connection, "note", {"rows": canonical_json(known), "at": at})
    _SQL.run(connection, "note_files", {"rows": canonical_json(rows), "at": at})


def _apply(
    connection: sa.Connection,
    before: Mapping[str, Contents],
    after: Mapping[str, Contents],
    reasons: Mapping[str, str],
    actor: str,
    at: datetime,
) -> tuple[int, int, int, tuple[str, ...]]:
    """Write what the sources with a reason say, and those that say something else because of them.

    Returns:
        Known resources that those with a reason describe, specs changed, specs withdrawn, and the
        names of described resources that are not known.
    """
    old, new = assemble(before), assemble(after)
    recorded: set[int] = set()
    changed = withdrawn = 0
    absent: dict[str, None] = {}
    for source, says in new.items():
        if source not in reasons and old.get(source) == says:
            continue
        why = reasons.get(source, "parts of it in another state")
        rows, missing = _resolved(connection, says)
        if source in reasons:
            recorded |= {row["resource_id"] for row in rows}
            absent |= dict.fromkeys(missing)
        changed += write_specs(
            connection, rows, mode="follow", source=source, actor=actor, reason=why, at=at
        )
        withdrawn += _SQL.run(
            connection, "withdraw",
            {"source": source, "kept": [row["resource_id"] for row in rows], "actor": actor,
             "reason": f"{why} lacks it" if why.startswith("serial") else why, "at": at},
        ).scalar_one()  # fmt: skip
    return len(recorded), changed, withdrawn, tuple(absent)


def _resolved(
    connection: sa.Connection, says: Mapping[tuple[str, str], Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return rows with the resources that are known, and the names of the others."""
    wanted = [
        {"kind": kind, "provider_id": provider_id, "spec": spec}
        for (kind, provider_id), spec in says.items()
    ]
    rows, missing = [], []
    for row in _SQL.run(connection, "resolve", {"wanted": orjson.dumps(wanted).decode()}):
        item = wanted[row.ordinal - 1]
        if row.resource_id is None:
            missing.append(f"{item['kind']}/{item['provider_id']}")
        else:
            rows.append({"resource_id": row.resource_id, "spec": item["spec"]})
    return rows, missing
