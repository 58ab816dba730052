"""Every list for programs: `--json` and `--csv`, raw values, a row a line."""

from __future__ import annotations

import csv
import json
import unicodedata
from datetime import datetime
from typing import Any

import click
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from arcadia_cloud_pipelines.cli.main import main
from arcadia_cloud_pipelines.cli.output import print_table
from arcadia_cloud_pipelines.drift.ignore import add_rule
from arcadia_cloud_pipelines.drift.specs import record_provisioned
from arcadia_cloud_pipelines.drift.sweep import sweep
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

NAME = '=1+2\x9b31m\u202e"web",\n1'
LISTS = (
    "drift list", "drift list --all", "drift ignore list", "inventory status", "projects list",
    "provisioned show droplet 1", "provisioned sources", "alarms list --all",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _url(libpq_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCADIA_DATABASE_URL", libpq_url)


@pytest.fixture
def _rows(warehouse: Warehouse) -> None:
    """Make one row for each list, with a name by somebody who means harm."""
    with warehouse.transaction() as connection:
        made = connection.execute(
            sa.text("""
                WITH project AS (
                    INSERT INTO cloud_projects (account, provider_id, name, first_seen_at,
                        last_seen_at, tenant_id, tenant_id_by)
                    VALUES ('a', 'u-1', :name, now(), now(), 't-1', 'hand')
                ), sync AS (
                    INSERT INTO cloud_sync_runs
                        (account, kind, started_at, ended_at, complete, rows_seen)
                    VALUES ('a', 'droplet', now(), now(), true, 12345)
                ), source AS (
                    INSERT INTO cloud_provisioned_sources (path, status, problem)
                    VALUES (:name, 'unreadable', :name)
                ), alarm AS (
                    INSERT INTO cloud_alarms
                        (kind, key, subject, severity, text, advice, opened_at, due_at)
                    VALUES ('late', 'k', :name, 'warning', :name, '', now(), now())
                )
                INSERT INTO cloud_resources
                    (account, kind, provider_id, name, region, first_seen_at, last_seen_at)
                VALUES ('a', 'droplet', '1', :name, 'nyc3', now(), now()) RETURNING id
            """),
            {"name": NAME},
        ).scalar_one()
    record_provisioned(warehouse, made, {"region": "fra1", "size_slug": None}, actor="ada")
    sweep(warehouse)
    add_rule(warehouse, owner="ada", reason=NAME, kind="volume")


def call(command: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, command.split(" "))
    assert done.exit_code == code, done.output
    return done.output


def as_json(command: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(call(f"{command} --json"))
    return rows


@pytest.mark.usefixtures("_rows")
@pytest.mark.parametrize("command", LISTS)
def test_both_formats_have_the_same_rows_and_send_no_control(command: str) -> None:
    rows = as_json(command)
    text = call(f"{command} --csv")
    read = list(csv.DictReader(text.splitlines()))
    assert len(rows) == len(read) > 0
    assert len(text.splitlines()) == len(rows) + 1
    for row, cells in zip(rows, read, strict=True):
        assert list(row) == list(cells)
        assert all(cells[name] == "" for name, value in row.items() if value is None)
    shown = text + call(f"{command} --json")
    assert not {c for c in shown if c != "\n" and unicodedata.category(c) in ("Cc", "Cf")}


@pytest.mark.usefixtures("_rows")
def test_values_are_raw() -> None:
    (drift,) = as_json("drift list")
    assert (drift["name"], drift["field"], drift["desired"], drift["actual"]) == (
        NAME, "region", "fra1", "nyc3",
    )  # fmt: skip
    assert drift["resolved_at"] is None
    assert datetime.fromisoformat(drift["detected_at"]).tzinfo is not None
    (sync,) = as_json("inventory status")
    assert (sync["rows"], sync["complete"], sync["problem"]) == (12345, True, None)
    (project,) = as_json("projects list")
    assert (project["name"], project["tenant_id"], project["tenant_id_by"]) == (NAME, "t-1", "hand")
    fields = {row["field"]: row for row in as_json("provisioned show droplet 1")}
    assert fields["region"] | {"differs": True, "live": "nyc3"} == fields["region"]
    assert fields["size_slug"]["differs"] is False
    cell = next(csv.DictReader(call("projects list --csv").splitlines()))["name"]
    assert cell.startswith("'=1+2"), "a spreadsheet computes nothing"


@pytest.mark.usefixtures("warehouse")
@pytest.mark.parametrize("command", [c for c in LISTS if "show" not in c])
def test_a_list_without_rows_is_a_list(command: str) -> None:
    assert as_json(command) == []
    assert len(call(f"{command} --csv").splitlines()) == 1


@pytest.mark.usefixtures("_rows")
def test_the_inbox_is_listed_whole(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        connection.execute(
            sa.text("""
                INSERT INTO cloud_drift (resource_id, field, desired, actual, detected_at)
                SELECT resource_id, 'f' || n, desired, actual, detected_at
                FROM cloud_drift, generate_series(1, 1001) AS n
            """)
        )
    assert len(as_json("drift list")) == 1002


@pytest.mark.usefixtures("_rows")
@pytest.mark.parametrize("command", ["drift list", "drift list --csv", "provisioned adopt"])
def test_an_unknown_kind_names_near_ones(command: str) -> None:
    said = call(f"{command} --kind dropplet", code=2)
    assert "dropplet is not a kind; near ones are droplet" in " ".join(said.split())


@pytest.mark.usefixtures("_rows")
def test_a_known_kind_without_rows_is_no_error() -> None:
    assert as_json("drift list --kind volume") == []


@pytest.mark.usefixtures("_rows")
def test_the_worst_differences_alone(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        connection.execute(sa.text("UPDATE cloud_drift SET severity = 'critical'"))
    assert len(as_json("drift list --severity critical")) == 1
    assert as_json("drift list --severity warning") == []


def commands(group: click.Group, path: str = "") -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        inner = commands(command, f"{path}{name} ") if isinstance(command, click.Group) else {}
        found |= inner or {f"{path}{name}": command}
    return found


def test_every_list_takes_both_formats() -> None:
    """A new list is one of these, or is named here with its reason."""
    lists = {name: c for name, c in commands(main).items() if name.endswith((" list", " status"))}
    assert lists.keys() >= {"drift list", "inventory status", "projects list", "alarms list"}
    for name, command in lists.items():
        options = {option for parameter in command.params for option in parameter.opts}
        assert {"--json", "--csv"} <= options, name


def test_a_pipe_gets_a_line_for_each_row_and_nothing_to_fill_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(["kind", "problem"], [["droplet", ""], ["volume", "x" * 500]])
    shown = capsys.readouterr().out.split("\n")
    assert shown == ["kind     problem", "droplet", "volume   " + "x" * 500, ""]
