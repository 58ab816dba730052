"""`arcadia inventory`: what people see of the syncs, and what they may confirm."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime

import sqlalchemy as sa

from arcadia_cloud_pipelines.inventory.tables import cloud_loss_confirmations, cloud_sync_runs
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from .conftest import Run


def test_status_and_confirm_loss(arcadia: Run, warehouse: Warehouse, libpq_url: str) -> None:
    empty = arcadia("inventory", "status", ARCADIA_DATABASE_URL=libpq_url)
    assert "Nothing was synced yet" in empty.stdout
    at = datetime.now(UTC)
    with warehouse.transaction() as connection:
        connection.execute(
            cloud_sync_runs.insert().values(
                account="team", kind="droplet", started_at=at, ended_at=at, rows_seen=3,
                complete=True, missing=12, implausible=True,
            )
        )  # fmt: skip
    status = arcadia("inventory", "status", ARCADIA_DATABASE_URL=libpq_url)
    assert status.returncode == 0, status.stderr
    assert "12 missing at once" in status.stdout
    done = arcadia(
        "inventory", "confirm-loss", "droplet", "--actor", "ada", "--reason", "moved",
        ARCADIA_DATABASE_URL=libpq_url,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Confirmed for droplet: 12 missing rows" in done.stdout
    with warehouse.transaction() as connection:
        row = connection.execute(sa.select(cloud_loss_confirmations)).one()
    assert (row.account, row.kind, row.confirmed_by, row.reason) == (
        "team", "droplet", "ada", "moved",
    )  # fmt: skip
    unknown = arcadia("inventory", "confirm-loss", "drplet", ARCADIA_DATABASE_URL=libpq_url)
    assert unknown.returncode == 1
    assert "'drplet' is not a kind of resource" in unknown.stderr


def test_status_loads_neither_migrations_nor_the_client(libpq_url: str) -> None:
    code = (
        "import sys\n"
        "from arcadia_cloud_pipelines.cli.main import main\n"
        "main(['inventory', 'status'], standalone_mode=False)\n"
        "print('LOADED', sorted({'alembic', 'requests', 'pandas'} & set(sys.modules)))\n"
    )
    environ = {**os.environ, "ARCADIA_DATABASE_URL": libpq_url}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    assert "Nothing was synced yet" in done.stdout
    assert "LOADED []" in done.stdout
