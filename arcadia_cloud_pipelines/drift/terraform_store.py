"""What is stored of Terraform states: each source with what it said, and the specs that follow."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from ..warehouse.statements import Statements
from .specs import write_specs
from .terraform_contents import Contents, contents_from_json, described
from .terraform_sources import Source, assemble

_SQL = Statements(__file__)


def known_sources(connection: sa.Connection) -> dict[str, Source]:
    """Return every source that was recorded, by its name, with what it said last."""
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


def apply_contents(
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


def alive(connection: sa.Connection, contents: Contents) -> set[tuple[str, str]]:
    """Return the resources of a state that live."""
    identities = [*described(contents)]
    wanted = [{"kind": kind, "provider_id": name} for kind, name in identities]
    if not wanted:
        return set()
    rows = _SQL.run(connection, "resolve", {"wanted": orjson.dumps(wanted).decode()})
    return {identities[r.ordinal - 1] for r in rows if r.resource_id is not None and r.lives}
