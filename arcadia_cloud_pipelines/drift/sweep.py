"""The sweep: every spec beside every live row, and the inbox brought up to date.

One transaction and a fixed number of statements, whatever the number of specs. PostgreSQL puts
aside all pairs that are equal to the letter; the rest, each pair of values once, and what is open,
comes here and is judged by `compare.py`; only what opens, moves or closes goes back. When nothing
did, only the sweep's own row is written.

The rules are those of the data contract: a mismatch opens one record and writes one
`drift_detected` event; while it is open, desired and actual follow; a mismatch that is gone closes
as `stale`. Kinds whose inventory is stale or incomplete are left alone: stale data neither opens
nor closes drift.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from ..kinds import GONE, REGISTRY, severity_of
from ..late import CLOCK_TOLERANCE, DRIFT_JUDGES
from ..severity import Severity
from ..times import Clock
from ..warehouse.copy import copy_rows
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .compare import ANYTHING, About, canonical, present, same
from .ignore import IgnoreRule, first_match, read_ignore_rules
from .spec_fields import canonical_json, held_part, holds
from .specs import lock
from .tables import cloud_drift_sweeps

STALE_AFTER = DRIFT_JUDGES
"""How old the newest listing of a kind may be."""


class Pair(NamedTuple):
    """One field that is not equal to the letter, or has an open record, or both."""

    resource_id: int
    kind: str
    name: str | None
    field: str
    desired: Any
    actual: Any
    differs: bool
    """Whether the two differ to the letter."""
    terraform: bool = False
    """Whether Terraform says what is desired."""
    held: bool = True
    """Whether the inventory holds the field: what it does not hold cannot be compared."""
    successor_id: int | None = None
    drift_id: int | None = None
    """Its open record."""
    open_desired: Any = None
    open_actual: Any = None
    open_successor_id: int | None = None
    open_severity: str | None = None
    account: str | None = None


class Change(NamedTuple):
    """The change that a detection run makes for one pair."""

    verb: Literal["open", "move", "close"]
    drift_id: int | None
    resource_id: int
    field: str
    desired: Any = None
    actual: Any = None
    successor_id: int | None = None
    severity: Severity | None = None
    reason: str | None = None
    """Why it closes."""


@dataclass(frozen=True)
class SweepResult:
    """Result of one detection run, as its row in `cloud_drift_sweeps` has it."""

    id: int
    started_at: datetime
    ended_at: datetime
    kinds_swept: tuple[str, ...]
    """As account/kind."""
    kinds_skipped: Mapping[str, str]
    """account/kind → why."""
    specs: int
    opened: int
    updated: int
    closed: int
    open_after: int
    ignored: int
    rules_expired: tuple[IgnoreRule, ...] = field(default=())


def reason_to_skip(
    listed_at: datetime | None, *, complete: bool, implausible: bool, now: datetime
) -> str | None:
    """Say why a kind is left alone, judging by its newest sync; None if nothing speaks against it.

    Args:
        listed_at: when the newest sync of the kind began; None when there was none.
        complete: whether it was complete.
        implausible: whether more was missing than plausibly could.
        now: the time.
    """
    if listed_at is None:
        return "never listed"
    if listed_at - now > CLOCK_TOLERANCE:
        return f"the listing of {listed_at:%Y-%m-%d %H:%M} UTC is dated ahead of now"
    if not complete:
        return f"the listing of {listed_at:%Y-%m-%d %H:%M} UTC failed or was not complete"
    if implausible:
        return f"the listing of {listed_at:%Y-%m-%d %H:%M} UTC was implausible"
    if now - listed_at >= STALE_AFTER:
        return f"last listed {listed_at:%Y-%m-%d %H:%M} UTC, more than {STALE_AFTER} ago"
    return None


def is_mismatch(pair: Pair) -> bool:
    """Tell whether the two values of a pair are different settings."""
    if not (pair.differs and pair.held):
        return False
    desired = held_part(pair.kind, pair.field, pair.desired)
    return not same(pair.field, desired, pair.actual, About(pair.kind, pair.terraform))


def decide(pair: Pair, rules: Iterable[IgnoreRule]) -> tuple[Change | None, IgnoreRule | None]:
    """Decide what to do about one pair; name the rule that kept it out, if one did."""
    whose = About(pair.kind, pair.terraform)
    mismatch = is_mismatch(pair)
    pair = pair._replace(desired=held_part(pair.kind, pair.field, pair.desired))
    rule = first_match(rules, pair.kind, pair.name, pair.field, pair.account) if mismatch else None
    about = (pair.drift_id, pair.resource_id, pair.field)
    if mismatch and rule is None:
        severity = severity_of(
            pair.kind, pair.field, pair.desired, pair.actual,
            replaced=pair.successor_id is not None,
        )  # fmt: skip
        actual = present(pair.field, pair.desired, pair.actual)
        values = (pair.desired, actual, pair.successor_id)
        if pair.drift_id is None:
            return Change("open", *about, *values, severity), None
        if (
            _differs(pair.open_desired, values[0], pair.field, whose)
            or _differs(pair.open_actual, values[1], pair.field, whose)
            or pair.open_successor_id != pair.successor_id
            or pair.open_severity != severity
        ):
            return Change("move", *about, *values, severity), None
        return None, None
    if pair.drift_id is None:
        return None, rule
    why = "as desired again, or no longer desired"
    if rule is not None:
        why = f"ignored by {rule}"
    elif not pair.held:
        why = f"the inventory does not hold {pair.field} of a {pair.kind}"
    return Change("close", *about, reason=why), rule


def _differs(old: Any, new: Any, name: str, about: About = ANYTHING) -> bool:
    return canonical(old, name, about) != canonical(new, name, about)


_SQL = Statements(__file__)


def sweep(
    warehouse: Warehouse, *, run_id: str | None = None, now: Clock | None = None
) -> SweepResult:
    """Compare every spec with what is live, and bring the inbox up to date.

    The clock is the database's when None.

    Sweeps, decisions and new specs take turns. Writes nothing but its own row when nothing changed.

    Raises:
        WarehouseError: the warehouse is away or not migrated; nothing was written.
    """
    warehouse.check_migrated()
    now = now or warehouse.now
    with warehouse.transaction() as connection:
        lock(connection)
        started_at = now()
        swept, skipped, specs = _choose_kinds(connection, started_at)
        _withhold_parts(connection, swept, skipped, started_at)
        rules = read_ignore_rules(connection)
        working = [rule for rule in rules if not rule.expired(started_at)]
        decided = [decide(pair, working) for pair in _pairs(connection, swept, named=bool(working))]
        changes = [change for change, _ in decided if change is not None]
        if changes:
            changes.sort(key=lambda change: (change.resource_id, change.field))
            _apply(connection, changes, started_at, run_id)
        counts = {verb: sum(c.verb == verb for c in changes) for verb in ("open", "move", "close")}
        values: dict[str, Any] = {
            "started_at": started_at,
            "ended_at": now(),
            "kinds_swept": tuple("/".join(kind) for kind in swept),
            "kinds_skipped": skipped,
            "specs": specs,
            "opened": counts["open"],
            "updated": counts["move"],
            "closed": counts["close"],
            "open_after": _SQL.run(connection, "count_open").scalar_one(),
            "ignored": sum(rule is not None for _, rule in decided),
        }
        expired = tuple(rule for rule in rules if rule.expired(started_at))
        sweep_id: int = connection.execute(
            cloud_drift_sweeps.insert()
            .values(
                **values | {"kinds_swept": list(values["kinds_swept"])},
                run_id=run_id,
                rules_expired=[rule.id for rule in expired],
            )
            .returning(cloud_drift_sweeps.c.id)
        ).scalar_one()
    return SweepResult(id=sweep_id, rules_expired=expired, **values)


def _choose_kinds(
    connection: sa.Connection, now: datetime
) -> tuple[dict[tuple[str, str], Mapping[str, int]], dict[str, str], int]:
    """Return the kinds whose newest listing proves something.

    Returns:
        Account and kind with the fields that went empty in all rows; account and kind that are
        skipped, whole or in part, with the reason; the number of specs to compare.
    """
    swept: dict[tuple[str, str], Mapping[str, int]] = {}
    skipped: dict[str, str] = {}
    specs = 0
    for row in _SQL.run(connection, "kinds"):
        label = f"{row.account}/{row.kind}"
        reason = reason_to_skip(
            row.started_at, complete=row.complete, implausible=row.implausible, now=now
        )
        if reason is not None:
            skipped[label] = reason
            continue
        swept[row.account, row.kind] = row.withheld
        specs += row.specs
        if row.withheld:
            fields = ", ".join(sorted(row.withheld))
            skipped[label] = f"{fields} became empty in all rows; other fields were compared"
    return swept, skipped, specs


def _withhold_parts(
    connection: sa.Connection,
    swept: dict[tuple[str, str], Mapping[str, int]],
    skipped: dict[str, str],
    now: datetime,
) -> None:
    """Leave alone the fields that rest on another kind whose newest listing proves nothing."""
    made_of = [(kind.name, *one) for kind in REGISTRY for one in kind.made_of.items()]
    for kind, field_, part in made_of:
        accounts = [account for account, swept_kind in swept if swept_kind == kind]
        if not accounts:
            continue
        for row in _SQL.run(connection, "newest", {"accounts": accounts, "kind": part}):
            reason = reason_to_skip(
                row.started_at, complete=row.complete, implausible=row.implausible, now=now
            )
            if reason is not None:
                swept[row.account, kind] = {**swept[row.account, kind], field_: 0}
                skipped.setdefault(
                    f"{row.account}/{kind}",
                    f"{field_}: {part}: {reason}; other fields compared",
                )


def _pairs(
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


def _apply(
    connection: sa.Connection, changes: Iterable[Change], at: datetime, run_id: str | None
) -> None:
    """Write what opens, moves and closes, in one COPY and three statements."""
    _SQL.run(connection, "create_changes")
    copy_rows(
        connection, "drift_changes",
        ("verb", "drift_id", "resource_id", "field", "desired", "actual", "successor_id",
         "severity", "reason"),
        (
            (c.verb, c.drift_id, c.resource_id, c.field, _json(c.desired), _json(c.actual),
             c.successor_id, c.severity, c.reason)
            for c in changes
        ),
    )  # fmt: skip
    parameters = {"at": at, "run_id": run_id}
    for name in ("close", "move", "open"):
        _SQL.run(connection, name, parameters)


def _value(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _json(value: Any) -> str | None:
    return None if value is None else canonical_json(value)
