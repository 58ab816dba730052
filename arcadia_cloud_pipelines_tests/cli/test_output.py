"""Names of the account in the terminal: shown as they are, never acted on."""

from __future__ import annotations

import ast
import unicodedata
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

import arcadia_cloud_pipelines
from arcadia_cloud_pipelines.cli.main import main
from arcadia_cloud_pipelines.drift.specs import record_provisioned
from arcadia_cloud_pipelines.drift.sweep import sweep
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

HOSTILE = "\x1b]0;x\x07[red]a[/red] :boom:\x9b31m\u202eb\u200bc\nINFO all is well\r"
SHOWN = r"\x1b]0;x\x07[red]a[/red] :boom:\x9b31m\u202eb\u200bc\nINFO all is well\r"


@pytest.fixture
def _hostile(warehouse: Warehouse, libpq_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project, a droplet with drift and a sync, each named by somebody who means harm."""
    monkeypatch.setenv("ARCADIA_DATABASE_URL", libpq_url)
    with warehouse.transaction() as connection:
        made = connection.execute(
            sa.text("""
                WITH project AS (
                    INSERT INTO cloud_projects
                        (account, provider_id, name, environment, first_seen_at, last_seen_at)
                    VALUES ('a', 'u-1', :name, :name, now(), now())
                ), sync AS (
                    INSERT INTO cloud_sync_runs
                        (account, kind, started_at, ended_at, complete, error)
                    VALUES ('a', 'volume', now(), now(), false, :name)
                ), whole AS (
                    INSERT INTO cloud_sync_runs
                        (account, kind, started_at, ended_at, complete, rows_seen)
                    VALUES ('a', 'droplet', now(), now(), true, 1)
                )
                INSERT INTO cloud_resources
                    (account, kind, provider_id, name, region, first_seen_at, last_seen_at)
                VALUES ('a', 'droplet', '1', :name, :name, now(), now()) RETURNING id
            """),
            {"name": HOSTILE},
        ).scalar_one()
    record_provisioned(warehouse, made, {"region": "fra1"}, actor=HOSTILE, reason=HOSTILE)
    sweep(warehouse)


@pytest.mark.usefixtures("_hostile")
@pytest.mark.parametrize(
    "command",
    [
        "projects list", "projects classify u-1 --tenant t", "inventory status", "drift list",
        "projects list --csv", "drift list --csv",
        "drift show 1", "drift accept 1", "provisioned show droplet 1",
        f"provisioned show droplet|{HOSTILE}", f"projects classify|{HOSTILE}x|--tenant|t",
    ],
)  # fmt: skip
def test_no_command_sends_what_a_name_holds(command: str) -> None:
    words = command.split("|") if "|" in command else command.split(" ")
    done = CliRunner().invoke(main, [*words[0].split(" "), *words[1:]], color=False)
    assert not isinstance(done.exception, (AssertionError, TypeError, KeyError))
    hidden = {c for c in done.output if c != "\n" and unicodedata.category(c) in ("Cc", "Cf")}
    assert not hidden, done.output
    assert "".join(SHOWN.split()) in "".join(done.output.split())
    assert not any(line.startswith("INFO") for line in done.output.splitlines())


ALLOWED = {
    # These write text of ours alone, or JSON.
    "echo": {
        "cli/output.py",
        "cli/alarms.py",
        "cli/doctor.py",
        "cli/simulate.py",
        "cli/up.py",
    },
    "secho": set(),
    "print": {"operations/json_lines.py"},
    # Pictures that are drawn here.
    "md": {"allocation/assets.py", "billing/assets.py"},
}


def test_foreign_text_has_no_other_way_out() -> None:
    """A new `click.echo`, `print` or piece of Markdown needs a reason to be listed here."""
    package = Path(arcadia_cloud_pipelines.__file__).parent
    found: dict[str, set[str]] = {name: set() for name in ALLOWED}
    for path in package.rglob("*.py"):
        file = path.relative_to(package).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            match node.func:
                case ast.Attribute(value=ast.Name(id="click"), attr="echo" | "secho" as name):
                    found[name].add(file)
                case ast.Attribute(attr="md"):
                    found["md"].add(file)
                case ast.Name(id="print"):
                    found["print"].add(file)
    for name, files in found.items():
        assert files <= ALLOWED[name], f"{name} is used in {sorted(files - ALLOWED[name])}"
