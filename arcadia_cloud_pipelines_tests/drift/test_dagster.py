"""The Dagster wiring, the messages to the team, and the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from arcadia_cloud_pipelines.cli.drift import drift as drift_command
from arcadia_cloud_pipelines.cli.main import main
from arcadia_cloud_pipelines.cli.provisioned import provisioned as provisioned_command
from arcadia_cloud_pipelines.dagster_support import runs as dagster_runs
from arcadia_cloud_pipelines.drift import checks, sweep
from arcadia_cloud_pipelines.drift.definitions import defs as drift_defs
from arcadia_cloud_pipelines.drift.ignore import add_rule
from arcadia_cloud_pipelines.inventory.definitions import defs as inventory_defs
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query
from .helpers import at, desire, drift, listed, resource, spec_of, swept

DEFS = dg.Definitions.merge(
    inventory_defs, drift_defs, dg.Definitions(executor=dg.in_process_executor)
)


@pytest.fixture
def instance() -> Any:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def drifting(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> int:
    """A droplet whose size differs; the time is a few minutes after its listing."""
    for module in (checks, dagster_runs):
        monkeypatch.setattr(module, "utc_now", lambda: at(0.2))
    monkeypatch.setattr(Warehouse, "now", lambda _self: at(0.2))
    monkeypatch.setattr(sweep.sweep, "__kwdefaults__", {"run_id": None, "now": lambda: at(0.1)})
    listed(warehouse)
    made = resource(warehouse, name="we|b", size_slug="b")
    desire(warehouse, made, size_slug="a")
    return made


def run(name: str, warehouse: Warehouse, instance: Any, config: Any = None, **options: Any) -> Any:
    return DEFS.resolve_job_def(name).execute_in_process(
        instance=instance, resources={"warehouse": warehouse, "clients": None},
        run_config=config, **options,
    )  # fmt: skip


def test_names_schedules_and_what_is_upstream() -> None:
    dg.Definitions.validate_loadable(DEFS)
    graph = DEFS.resolve_asset_graph()
    drift_group = {k.to_user_string() for k in graph.get_all_asset_keys()
                   if graph.get(k).group_name == "drift"}  # fmt: skip
    assert drift_group == {"terraform_specs", "drift_records"}
    upstream = {k.to_user_string() for k in graph.get(dg.AssetKey("drift_records")).parent_keys}
    assert upstream == {"resources", "terraform_specs"}
    schedules = {s.name: s for s in drift_defs.schedules or []}
    assert {n: s.cron_schedule for n, s in schedules.items()} == {
        "terraform_schedule": "18 * * * *", "drift_schedule": "20 * * * *",
    }  # fmt: skip
    assert all(s.default_status == dg.DefaultScheduleStatus.RUNNING for s in schedules.values())
    job = DEFS.resolve_job_def(schedules["drift_schedule"].job_name)
    assert [k.to_user_string() for k in job.asset_layer.executable_asset_keys] == ["drift_records"]


def test_the_sweep_as_an_asset(warehouse: Warehouse, instance: Any, drifting: int) -> None:
    result = run("drift_sweep", warehouse, instance)
    [event] = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert metadata["opened"].value == 1
    [record] = metadata["inbox"].records
    assert [record.data[column] for column in ("name", "field", "desired", "actual")] == [
        "we|b", "size_slug", "a", "b",
    ]  # fmt: skip
    assert drift(warehouse)[0]["run_id"] == result.run_id
    outcome = {e.check_name: e for e in result.get_asset_check_evaluations()}
    assert {n: e.passed for n, e in outcome.items()} == {
        "no_open_drift": False, "fresh_inventory": True, "ignore_rules_alive": True,
        "specs_comparable": True,
    }  # fmt: skip
    assert outcome["no_open_drift"].severity == dg.AssetCheckSeverity.WARN
    assert "inbox" in outcome["no_open_drift"].metadata


def test_the_checks(warehouse: Warehouse, drifting: int, monkeypatch: Any) -> None:
    assert not checks.fresh_inventory(warehouse).passed  # no sweep yet
    add_rule(warehouse, owner="ann", reason="x", kind="vpc", expires_at=at(0.1), now=lambda: at(0))
    listed(warehouse, complete=False, hours=0.05)
    swept(warehouse, 0.1)
    assert "not compared" in str(checks.fresh_inventory(warehouse).description)
    assert not checks.ignore_rules_alive(warehouse).passed
    assert checks.no_open_drift(warehouse).passed
    monkeypatch.setattr(Warehouse, "now", lambda _self: at(3.5))
    assert "3.4 hours ago" in str(checks.fresh_inventory(warehouse).description)


def test_accepting_by_a_job(warehouse: Warehouse, instance: Any, drifting: int) -> None:
    swept(warehouse)
    config = {"drift_id": drift(warehouse)[0]["id"], "actor": "bob", "reason": "grown"}
    wrapped = {"ops": {"accept_drift": {"config": config | {"expected_actual": "x"}}}}
    failed = run("drift_accept", warehouse, instance, wrapped, raise_on_error=False)
    assert not failed.success
    done = run("drift_accept", warehouse, instance, {"ops": {"accept_drift": {"config": config}}})
    assert drift(warehouse)[0]["resolved_by"] == "bob"
    # Dagster has no login: the trail says which way the decision came.
    [decision] = query(warehouse, "SELECT * FROM cloud_drift_decisions")
    assert decision["reason"] == f"through the Dagster UI, run {done.run_id}: grown"
    assert spec_of(warehouse, drifting)["spec"] == {"size_slug": "b"}


def test_terraform_as_an_asset(
    warehouse: Warehouse, instance: Any, drifting: int, tmp_path: Path, monkeypatch: Any
) -> None:
    assert run("terraform_import", warehouse, instance).success  # nothing configured
    path = tmp_path / "a.tfstate"
    monkeypatch.setenv("ARCADIA_TERRAFORM_STATES", str(path))
    state = {"version": 4, "serial": 1, "lineage": "l", "resources": [
        {"mode": "managed", "type": "digitalocean_droplet",
         "instances": [{"attributes": {"id": "1", "region": "ams3"}}]},
    ]}  # fmt: skip
    path.write_text(json.dumps(state))
    assert run("terraform_import", warehouse, instance).success
    assert spec_of(warehouse, drifting)["spec"] == {"size_slug": "a", "region": "ams3"}
    path.write_text("{")
    assert not run("terraform_import", warehouse, instance, raise_on_error=False).success
    assert spec_of(warehouse, drifting)["spec_version"] == 2


def test_the_command_line(
    warehouse: Warehouse, libpq_url: str, drifting: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCADIA_DATABASE_URL", libpq_url)
    monkeypatch.setattr("getpass.getuser", lambda: "ann-at-keyboard")

    def call(command: Any, *arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(main, [command.name, *arguments])
        assert done.exit_code == code, done.output
        return done.output

    assert "Nothing differs" in call(drift_command, "list")
    swept(warehouse)
    number = str(drift(warehouse)[0]["id"])
    assert "size_slug" in call(drift_command, "list", "--kind", "droplet")
    assert "live now" in call(drift_command, "show", number)
    assert "look at it again" in call(drift_command, "accept", number, "--expect", '"x"', code=1)
    assert "spec version 2" in call(drift_command, "accept", number, "--reason", "grown")
    assert drift(warehouse)[0]["resolved_by"] == "ann-at-keyboard"
    assert "accepted already" in call(drift_command, "accept", number, "--actor", "x", code=1)
    assert "accepted by ann-at-keyboard" in call(drift_command, "show", number)
    assert "no drift record 404" in call(drift_command, "accept", "404", code=1)
    added = call(drift_command, "ignore", "add", "--kind", "vpc", "--reason", "x",
                 "--expires", "2999-01-01")  # fmt: skip
    assert "rule 1 of ann-at-keyboard" in added
    assert "2999-01-01" in call(drift_command, "ignore", "list")
    assert "nothing any more" in call(drift_command, "ignore", "remove", "1")

    recorded = call(provisioned_command, "record", "droplet", "we|b", "vcpus=2", "region=fra1",
                    "--spec", '{"tags": ["a"]}', "--reason", "y")  # fmt: skip
    assert "spec version 3" in recorded
    assert spec_of(warehouse, drifting)["spec"] == {
        "size_slug": "b", "vcpus": 2, "region": "fra1", "tags": ["a"],
    }  # fmt: skip
    assert "nothing changed" in call(provisioned_command, "record", "droplet", "1", "vcpus=2")
    shown = call(provisioned_command, "show", "droplet", "1")
    assert "≠ tags" in shown
    assert "  size_slug" in shown
    assert "1 specs" in call(provisioned_command, "adopt", "--resource", "droplet/1")
    assert "There is no droplet" in call(provisioned_command, "show", "droplet", "404", code=1)
    assert "no Terraform state" in call(provisioned_command, "terraform", "/no/where", code=1)
    assert os.environ.get("ARCADIA_NOTIFY_URLS") is None
    from arcadia_cloud_pipelines.warehouse import engine

    for opened in engine._opened.values():
        opened.engine.dispose()


def test_plain_modules_do_not_import_dagster() -> None:
    import subprocess
    import sys

    names = ("accept", "compare", "ignore", "inbox", "specs", "sweep", "tables",
             "terraform")  # fmt: skip
    code = "import sys\n" + "\n".join(
        f"import arcadia_cloud_pipelines.drift.{name}" for name in names
    )
    code += "\nsys.exit('dagster' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_migrated_tables_have_their_rows_refused_where_they_must(warehouse: Warehouse) -> None:
    with pytest.raises(sa.exc.IntegrityError, match=r"cloud_drift_(status|resolved)_check"):
        query(
            warehouse,
            "INSERT INTO cloud_drift (resource_id, field, status) VALUES (1, 'x', 'y') RETURNING 1",
        )
