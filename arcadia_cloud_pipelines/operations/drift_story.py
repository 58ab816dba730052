"""The demo's story of drift: a plan, a difference, a decision."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from ..drift.accept import accept
from ..drift.adopting import adopt
from ..drift.inbox import DriftRecord, list_drift
from ..drift.specs import record_provisioned
from ..kinds import DROPLET
from ..warehouse.engine import Warehouse

_PLANNED = "s-8vcpu-16gb"


class DriftStory:
    """Desired state recorded, drift found, accepted and gone, between the rounds."""

    def __init__(self, warehouse: Warehouse, account: str, told: Callable[[str], None]) -> None:
        """Begin before the first round.

        Args:
            warehouse: of the demo.
            account: whose droplets.
            told: tells what somebody did.
        """
        self._warehouse = warehouse
        self._account = account
        self._told = told
        self._droplet: tuple[int, str] | None = None

    def after(self, number: int) -> None:
        """Do what happens after a round."""
        match number:
            case 1:
                self._record_plan()
            case 2:
                self._accept()
            case 3:
                self._look_again()

    def _record_plan(self) -> None:
        count = adopt(
            self._warehouse,
            actor="demo",
            kinds=(DROPLET.name,),
            fields=("size_slug", "region"),
            reason="today's account as the plan",
        )
        with self._warehouse.transaction() as connection:
            row = connection.execute(
                sa.text(
                    "SELECT id, name FROM cloud_resources WHERE account = :account "
                    "AND kind = :kind AND deleted_at IS NULL AND NOT 'k8s' = ANY (tags) "
                    "AND size_slug <> :planned ORDER BY created_at, id LIMIT 1"
                ),
                {"account": self._account, "kind": DROPLET.name, "planned": _PLANNED},
            ).one()
        self._droplet = (row.id, row.name)
        record_provisioned(
            self._warehouse, row.id, {"size_slug": _PLANNED}, actor="demo", reason="a larger plan"
        )
        self._told(
            f"desired state: {count:,} droplets adopted as they are; {row.name} is meant to be "
            f"{_PLANNED}"
        )

    def _accept(self) -> None:
        for record in self._open():
            accept(self._warehouse, record.id, actor="demo", reason="it does as it is")
            self._told(f"drift found: {record.name}, {record.shown[0]}: {record.says}; accepted")

    def _look_again(self) -> None:
        if not self._open():
            self._told("that drift is gone: the next detection run finds it as planned")

    def _open(self) -> list[DriftRecord]:
        return [r for r in list_drift(self._warehouse) if (r.resource_id, r.name) == self._droplet]
