"""Three tenants in the demo, with a closed month and a correction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import sqlalchemy as sa

from ..allocation.rules import parse_allocation_rules
from ..allocation.statements import Statement, close_in, list_statements
from ..inventory.classify import classify_project
from ..warehouse.engine import Warehouse

TENANTS = ("acme", "globex", "initech")

_RULES = """
[[rule]]
name = "whose project it is"
project = "*"
by = "project"
[[rule]]
name = "shared by all"
by = "spend"
"""

_PROJECTS = sa.text(
    """
    SELECT e.project_name, p.provider_id FROM marts.cost_by_project AS e
    JOIN cloud_projects AS p ON p.id = e.project_id AND p.deleted_at IS NULL
    WHERE e.account = :account AND e.period = :period
    GROUP BY e.project_name, p.provider_id ORDER BY sum(e.amount) DESC, e.project_name LIMIT 3
    """
)
_MONTHS = sa.text(
    "SELECT period FROM marts.billing_months WHERE account = :account AND complete"
    " ORDER BY period DESC LIMIT 2"
)


class PayersStory:
    """Projects get tenants, a month is closed, a rule comes, and the next month corrects it."""

    def __init__(self, warehouse: Warehouse, account: str, told: Callable[[str], None]) -> None:
        """Do nothing yet.

        Args:
            warehouse: of the demo.
            account: the simulated team.
            told: hears what happens.
        """
        self._warehouse = warehouse
        self._account = account
        self._told = told

    def after(self, number: int) -> None:
        """Do what follows the first round of a new demo; later ones find it done."""
        if number != 1 or list_statements(self._warehouse):
            return
        with self._warehouse.transaction() as connection:
            scope = {"account": self._account}
            months: list[date] = list(connection.execute(_MONTHS, scope).scalars())
            if len(months) < 2:
                return
            newest = {**scope, "period": months[0]}
            projects = connection.execute(_PROJECTS, newest).all()
        for tenant, project in zip(TENANTS, projects, strict=False):
            classify_project(self._warehouse, project.provider_id, tenant_id=tenant)
            self._told(f"{project.project_name} belongs to {tenant} now")
        self._close(months[1], None)
        self._told("a rule comes: what no project's tenant pays is shared by spend")
        self._close(months[0], _RULES)

    def _close(self, month: date, rules: str | None) -> None:
        file = None if rules is None else parse_allocation_rules(rules, "the demo's rules")
        with self._warehouse.transaction() as connection:
            close_in(
                connection, month, actor="demo", file=file, source="the demo's rules",
                forced_because="it is a demo",
            )  # fmt: skip
        for one in list_statements(self._warehouse, month):
            self._told(f"statement of {month:%Y-%m}: {_text(one)}")


def _text(one: Statement) -> str:
    corrected = f", with corrections of ${one.corrections:,.2f}" if one.corrections else ""
    return f"{one.tenant_id or 'nobody'} ${one.total:,.2f}{corrected}"
