"""What differs to the letter, beside what is open."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from ..kinds import GONE
from ..warehouse.statements import Statements
from .decisions import Pair, is_mismatch
from .spec_fields import holds

_SQL = Statements(__file__)


def read_pairs(
    connection: sa.Connection,
    swept: Mapping[tuple[str, str], Mapping[str, int]],
    *,
    named: bool,
) -> Iterator[Pair]:
    """Select what differs to the letter beside what is open, of the kinds and fields swept.

    What is the same setting and has no open record is left out. Names come only where they are
    `named`: rules alone ask for them.
    """

    def is_swept(row: Any) -> bool:
        withheld = swept.get((row.account, row.kind))
        return withheld is not None and row.field not in withheld

    opened = {(row.id, row.field): row for row in _SQL.run(connection, "opened") if is_swept(row)}
    open_ids: defaultdict[str, set[int]] = defaultdict(set)
    for resource_id, name in opened:
        open_ids[name].add(resource_id)
    successors = dict(_SQL.run(connection, "successors").tuples().all())
    _SQL.run(connection, "few_differ")
    different: list[tuple[Pair, Collection[int]]] = []
    for row in filter(is_swept, _SQL.run(connection, "different")):
        pair = Pair(
            0, row.kind, None, row.field, _value(row.desired), _value(row.actual), True,
            row.terraform, holds(row.kind, row.field), account=row.account,
        )  # fmt: skip
        ids = row.ids if is_mismatch(pair) else open_ids[row.field].intersection(row.ids)
        if ids:
            different.append((pair, ids))
    asked = {one for _, ids in different for one in ids} if named else set()
    names = _names(connection, asked)
    for pair, ids in different:
        for one in ids:
            successor = successors.get(one) if pair.field == GONE else None
            whole = pair._replace(resource_id=one, name=names.get(one), successor_id=successor)
            was = opened.pop((one, pair.field), None)
            if was is not None:
                whole = whole._replace(
                    drift_id=was.drift_id, open_desired=was.desired, open_actual=was.actual,
                    open_successor_id=was.successor_id, open_severity=was.severity,
                )  # fmt: skip
            yield whole
    for was in opened.values():
        yield Pair(
            was.id, was.kind, was.name, was.field, None, None, False, drift_id=was.drift_id,
            account=was.account,
        )  # fmt: skip


def _names(connection: sa.Connection, ids: Collection[int]) -> dict[int, str | None]:
    """Return the names of resources, which rules may speak of."""
    if not ids:
        return {}
    return dict(_SQL.run(connection, "names", {"ids": [*ids]}).tuples().all())


def _value(text: str | None) -> Any:
    return None if text is None else json.loads(text)
