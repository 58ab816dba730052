"""Recording what Terraform states desire: all of them together, and none at the cost of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ..common.times import Clock, utc_now
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .spec_fields import canonical_json
from .specs import lock
from .state_entries import StateSource
from .state_json import TerraformError
from .state_reading import read_states, unreadable
from .terraform_contents import Contents, as_json, described, together
from .terraform_sources import Source, SourceProblem, match_sources
from .terraform_state import StateFile, parse_state
from .terraform_store import alive, apply_contents, known_sources
from .terraform_withdrawals import hold_back

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
    # Before the lock is taken: a state may come from a server that is slow.
    states, problems = read_states(paths, sources)
    problems += [unreadable(place, text) for place, text in unusable]
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        lock(connection)
        at = now()
        known = known_sources(connection)
        matched = match_sources(states, list(known.values()))
        problems += matched.problems
        after = {source: together(s.contents, s.held) for source, s in known.items()}
        before = dict(after)
        rows = []
        for source, state in matched.chosen.items():
            old = before.get(source, Contents())
            held = hold_back(old, state.contents, alive(connection, old))
            told = _held(source, state, described(held), old)
            problems += told
            after[source] = together(state.contents, held)
            rows.append(_row(source, state, held, told, configured))
        reasons = {source: f"serial {state.serial}" for source, state in matched.chosen.items()}
        applied = apply_contents(connection, before, after, reasons, ACTOR, at)
        _SQL.run(connection, "remember", {"rows": canonical_json(rows), "at": at})
        if configured:
            if not unusable:
                problems += _orphaned(known, matched.chosen, problems, states)
            _note(connection, problems, at)
    if not matched.chosen and problems and (paths or sources or unusable):
        raise TerraformError(" ".join(dict.fromkeys(p.text for p in problems)))
    return TerraformSpecs(tuple(matched.chosen.values()), *applied, tuple(problems))


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
