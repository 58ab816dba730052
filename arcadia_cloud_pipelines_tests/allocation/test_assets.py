"""The asset and the command, as people start them."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from arcadia_cloud_pipelines.allocation.assets import cost_allocations
from arcadia_cloud_pipelines.allocation.checks import every_cent
from arcadia_cloud_pipelines.cli.main import main
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..marts.conftest import Account

RULES = '[[rule]]\nname = "volumes"\nproduct = "Volumes"\ntenant = "acme"\n'


@pytest.fixture
def filled(warehouse: Warehouse, libpq_url: str, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    monkeypatch.setenv("ARCADIA_DATABASE_URL", libpq_url)
    with warehouse.transaction() as connection:
        account = Account(connection)
        account.project("shop", "acme")
        invoice = account.invoice("i", "10.00")
        account.line(invoice, "4.00", project_name="shop")
        account.line(invoice, "6.00", product="Volumes")
    return warehouse


def materialize(warehouse: Warehouse) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [cost_allocations, every_cent], resources={"warehouse": warehouse}, raise_on_error=False
    )


def checks(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {check.check_name: check.passed for check in result.get_asset_check_evaluations()}


def paid(warehouse: Warehouse) -> dict[str | None, Decimal]:
    with warehouse.transaction() as connection:
        rows = connection.execute(
            sa.text("SELECT tenant_id, sum(amount) FROM marts.cost_by_tenant GROUP BY 1")
        )
        return {row[0]: row[1] for row in rows}


def test_the_asset_allocates_by_the_file_that_the_variable_names(
    filled: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = materialize(filled)
    assert result.success
    assert paid(filled) == {"acme": Decimal("4.00"), None: Decimal("6.00")}
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES + '[[rule]]\nname = "idle"\nproduct = "Nothing"\ntenant = "acme"\n')
    monkeypatch.setenv("ARCADIA_ALLOCATION_RULES", str(rules))
    result = materialize(filled)
    assert paid(filled) == {"acme": Decimal("10.00")}
    assert checks(result) == {"every_cent": True, "rules_in_use": False}
    # A file that cannot be used changes nothing, and says why.
    rules.write_text(RULES.replace("acme", "akme"))
    result = materialize(filled)
    assert not result.success
    (failure,) = (e for e in result.all_events if e.is_step_failure)
    assert "rules.toml, rule 1 (volumes), tenant: 'akme' is not a tenant" in str(
        failure.step_failure_data.user_failure_data
    )
    assert paid(filled) == {"acme": Decimal("10.00")}


def test_a_cent_too_few_fails_the_check(filled: Warehouse) -> None:
    materialize(filled)
    with filled.transaction() as connection:
        connection.execute(
            sa.text("UPDATE cloud_cost_allocations SET share = 0.9 WHERE line_number = 1")
        )
    result = dg.materialize(
        [cost_allocations, every_cent], resources={"warehouse": filled},
        selection=dg.AssetSelection.checks(every_cent),
    )  # fmt: skip
    assert checks(result) == {"every_cent": False}


def call(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, ["costs", "allocate", *arguments])
    assert done.exit_code == code, done.output
    return done.output


def test_the_command_shows_what_would_change_and_then_does_it(
    filled: Warehouse, tmp_path: Path
) -> None:
    call()
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES)
    told = call("--rules", str(rules), "--dry-run")
    assert "(nobody: no_project)" in told
    assert "1 months would change; nothing was stored" in told
    assert paid(filled)[None] == Decimal("6.00")
    changes = json.loads(call("--rules", str(rules), "--json"))
    assert [(c["tenant_id"], c["before"], c["after"]) for c in changes] == [
        ("acme", "4.00", "10.00"), (None, "6.00", "0"),
    ]  # fmt: skip
    # Without the file its rules go on.
    assert "by 1 rules; 0 months changed" in call()
    assert paid(filled) == {"acme": Decimal("10.00")}
    rules.write_text("rule = 1")
    assert f"{rules} has no [[rule]] table" in call("--rules", str(rules), code=1)
