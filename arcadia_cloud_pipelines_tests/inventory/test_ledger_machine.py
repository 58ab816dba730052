"""Random histories: the ledger against a model of the contract, after each step."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from arcadia_cloud_pipelines.inventory.ledger import Observation
from arcadia_cloud_pipelines.inventory.sync import record_listing
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from .helpers import T0, query, sighting
from .model import Model, fields_of

KINDS = ("droplet", "volume")
VALUES: dict[str, list[Any]] = {
    "name": ["a", "ä\\N", 'q"uo,te\r\n', "lone\rreturn"],
    "region": ["fra1", "nyc3", None],
    "status": ["active", "off"],
    "size_slug": ["s-1", "s-2", None],
    "tags": [("x",), ("NULL", 'y"{},\\'), ()],
    "created_at": [T0 - timedelta(days=1), None],
    "vcpus": [1, 2, None],
    "nested": [{"deep": [1, "1", None]}, {"deep": []}],
}
FIELDS = st.sampled_from(sorted(VALUES))
# Mostly one account and kind, or a short history would never come to its third strike.
SCOPES = st.sampled_from([("A", "droplet")] * 5 + [("B", "droplet")] * 2 + [("A", "volume")])
_examples = itertools.count()


class LedgerMachine(RuleBasedStateMachine):
    """What exists changes by itself, listings show more or less of it, and both sides record."""

    def __init__(self, warehouse: Warehouse) -> None:
        super().__init__()
        self.warehouse = warehouse
        # Events cannot be deleted: each example has accounts and identities of its own.
        self.example = next(_examples)
        self.model = Model()
        self.worlds: dict[tuple[str, str], dict[str, dict[str, Any]]] = {
            (account, kind): {} for account in "AB" for kind in KINDS
        }
        self.hour = 0

    def _account(self, letter: str) -> str:
        return f"{self.example}-{letter}"

    # -- the world ----------------------------------------------------------------------------

    @initialize()
    def fleet(self) -> None:
        self.create(("A", "droplet"), 0, 13)

    @rule(scope=SCOPES, first=st.integers(0, 12), count=st.sampled_from([1, 4, 13]))
    def create(self, scope: tuple[str, str], first: int, count: int) -> None:
        for number in range(first, first + count):
            fields = {name: values[0] for name, values in VALUES.items()}
            self.worlds[scope].setdefault(f"{self.example}/{number:02}", fields)
        self._sync(scope)

    @rule(scope=SCOPES, step=st.sampled_from([1, 2, 4]), times=st.integers(1, 3))
    def remove(self, scope: tuple[str, str], step: int, times: int) -> None:
        for identity in sorted(self.worlds[scope])[::step]:
            del self.worlds[scope][identity]
        for _ in range(times):
            self._sync(scope)

    @rule(scope=SCOPES, fields=st.sets(FIELDS, min_size=1, max_size=3), step=st.integers(1, 3))
    def edit(self, scope: tuple[str, str], fields: set[str], step: int) -> None:
        for world in list(self.worlds[scope].values())[::step]:
            for field in fields:
                values = VALUES[field]
                world[field] = values[(values.index(world[field]) + 1) % len(values)]
        self._sync(scope)

    @rule(scope=SCOPES, field=FIELDS, all_but=st.sampled_from([0, 0, 1]))
    def blank(self, scope: tuple[str, str], field: str, all_but: int) -> None:
        before = {identity: dict(world) for identity, world in self.worlds[scope].items()}
        for world in list(self.worlds[scope].values())[all_but:]:
            world[field] = () if field == "tags" else None
        self._sync(scope)
        self.worlds[scope] = before

    # -- the syncs ----------------------------------------------------------------------------

    def _sync(
        self, scope: tuple[str, str], complete: bool = True, late: float = 0, keep: int = 99,
        unknown: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        account, kind = self._account(scope[0]), scope[1]
        self.hour += 1
        began = T0 + timedelta(hours=self.hour - late)
        listing = [
            sighting(identity, **{
                k: v for k, v in fields.items()
                if (v is not None or k in COLUMNS) and k not in unknown
            })
            for identity, fields in sorted(self.worlds[scope].items())
        ][:keep]  # fmt: skip
        result = record_listing(
            self.warehouse,
            Observation(
                account, kind, began, listing, complete, f"run {self.hour}", unknown_fields=unknown
            ),
            expected=None, reason=None, api_calls=1, now=lambda: began,
        )  # fmt: skip
        withheld = self.model.record(account, kind, began, listing, complete, unknown)
        assert result.recorded.withheld == withheld

    @rule(scope=SCOPES)
    def sync(self, scope: tuple[str, str]) -> None:
        self._sync(scope)

    @rule(scope=SCOPES, unknown=st.sets(st.sampled_from(["vcpus", "nested"]), min_size=1))
    def sync_with_unknown_fields(self, scope: tuple[str, str], unknown: set[str]) -> None:
        self._sync(scope, unknown=frozenset(unknown))

    @rule(scope=SCOPES, keep=st.integers(0, 8))
    def incomplete_sync(self, scope: tuple[str, str], keep: int) -> None:
        self._sync(scope, complete=False, keep=keep)

    @rule(scope=SCOPES, late=st.sampled_from([1.5, 3.5]), complete=st.booleans())
    def late_sync(self, scope: tuple[str, str], late: float, complete: bool) -> None:
        self._sync(scope, complete, late, keep=3)

    @rule(scope=SCOPES, hours=st.sampled_from([2, 5]))
    def confirm_loss(self, scope: tuple[str, str], hours: int) -> None:
        account, kind = self._account(scope[0]), scope[1]
        until = T0 + timedelta(hours=self.hour + hours)
        standing = self.model.confirmed.get((account, kind))
        self.model.confirmed[account, kind] = max(until, standing or until)
        with self.warehouse.transaction() as connection:
            connection.execute(
                sa.text("INSERT INTO cloud_loss_confirmations "
                        "(account, kind, confirmed_by, valid_until) VALUES (:a, :k, 'me', :u)"),
                {"a": account, "k": kind, "u": until},
            )  # fmt: skip

    # -- what always holds --------------------------------------------------------------------

    @invariant()
    def rows_events_and_history_agree(self) -> None:
        accounts = {"accounts": [self._account("A"), self._account("B")]}
        found = query(
            self.warehouse,
            """
            SELECT r.*, (
                SELECT coalesce(
                    json_agg(json_build_array(event, to_json(occurred_at), changes) ORDER BY e.id),
                    '[]'
                ) FROM cloud_resource_events AS e WHERE e.resource_id = r.id
            ) AS events
            FROM cloud_resources AS r WHERE account = ANY (:accounts)
            """,
            **accounts,
        )
        assert {(r["kind"], r["provider_id"]) for r in found} == self.model.rows.keys()
        for row in found:
            expected = self.model.rows[row["kind"], row["provider_id"]]
            stored = {
                "account": row["account"],
                "fields": fields_of(
                    sighting(
                        row["provider_id"],
                        **{name: row[name] for name in COLUMNS},
                        **row["attrs"],
                    )
                ),
                "first_seen_at": row["first_seen_at"],
                "last_seen_at": row["last_seen_at"],
                "strikes": row["stale_strike_count"],
                "deleted_at": row["deleted_at"],
                "events": [tuple(e) for e in row["events"]],
            }
            wanted = vars(expected) | {
                "events": [(e, when.isoformat(), c) for e, when, c in expected.events]
            }
            assert stored == wanted
            self._folds(row, stored["fields"])

    @staticmethod
    def _folds(row: dict[str, Any], fields: dict[str, Any]) -> None:
        """The events alone tell the row's whole state."""
        state: dict[str, Any] = {"account": None}
        for event, _, changes in row["events"]:
            assert event == "discovered" or changes, "an event without a change"
            for name, change in changes.items():
                assert name == "account" or state.get(name) == change["from"], (name, event)
                state[name] = change["to"]
        state.pop("account")
        deleted_at = state.pop("deleted_at", None)
        assert deleted_at == (row["deleted_at"] and row["deleted_at"].isoformat())
        assert {name: value for name, value in state.items() if value is not None} == fields


COLUMNS = ("name", "region", "status", "size_slug", "tags", "created_at")


def test_every_history_ends_as_the_contract_says(warehouse: Warehouse) -> None:
    profile = settings()
    run_state_machine_as_test(
        lambda: LedgerMachine(warehouse),
        settings=settings(
            profile, max_examples=max(20, profile.max_examples // 3), stateful_step_count=30
        ),
    )
