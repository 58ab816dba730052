"""Two deployments on one warehouse: a standby that works by mistake, or one of another place."""

from __future__ import annotations

import sys
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.operations.startup import fail_orphaned_runs
from arcadia_cloud_pipelines.simulator import SimulatedAccount, serve
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.processes import run_together

REFRESH = """
import sys
import dagster as dg
from arcadia_cloud_pipelines.definitions import defs

with dg.DagsterInstance.ephemeral() as instance:
    job = defs.resolve_job_def("inventory_sync")
    print("ready", flush=True)
    sys.stdin.readline()
    assert job.execute_in_process(instance=instance).success
"""


def refresh_twice_at_once(environ: dict[str, str], folder: Path) -> None:
    """Refresh in two deployments that begin together."""
    command = [sys.executable, "-W", "ignore", "-c", REFRESH]
    run_together(
        command, [{**environ, "ARCADIA_HOME": str(folder / name)} for name in ("one", "two")]
    )


def test_events_are_not_doubled_and_what_is_gone_is_struck_once(
    warehouse: Warehouse, libpq_url: str, tmp_path: Path
) -> None:
    def ask(statement: str) -> list[tuple[object, ...]]:
        with warehouse.transaction() as connection:
            return [tuple(row) for row in connection.execute(sa.text(statement))]

    account = SimulatedAccount(droplets=8)
    with serve(account) as server:
        environ = {
            "ARCADIA_DATABASE_URL": libpq_url, "DO_API_URL": server.url,
            "DO_API_TOKEN": server.token, "ARCADIA_STRIKE_MINUTES": "20",
        }  # fmt: skip
        refresh_twice_at_once(environ, tmp_path)
        account.delete("droplet", account.ids("droplet")[0])
        refresh_twice_at_once(environ, tmp_path)
    doubled = "SELECT resource_id, event, changes FROM cloud_resource_events GROUP BY 1, 2, 3"
    assert ask(f"{doubled} HAVING count(*) > 1") == []
    unknown = (
        "SELECT id FROM cloud_resources EXCEPT"
        " SELECT resource_id FROM cloud_resource_events WHERE event = 'discovered'"
    )
    assert ask(unknown) == [], "each was discovered, by one of the two"
    struck = (
        "SELECT max(stale_strike_count) FROM cloud_resources WHERE kind = 'droplet'"
        " AND deleted_at IS NULL"
    )
    assert ask(struck) == [(1,)]
    assert ask("SELECT count(*) FROM cloud_sync_runs WHERE kind = 'droplet'") == [(4,)]


@pytest.mark.parametrize("beats", [True, False])
def test_the_start_of_one_leaves_runs_of_the_other_alone(
    instance: dg.DagsterInstance, beats: bool
) -> None:
    """Both on one database of Dagster's. Without beats it is the daemon that looks, not a start."""

    @dg.op
    def wait() -> None:
        engine = instance.event_log_storage._engine  # type: ignore[attr-defined]
        ago = "0 s" if beats else "1 hour"
        with engine.connect() as connection:
            connection.execute(
                sa.text(
                    "UPDATE arcadia_run_workers SET place = 'elsewhere', pid = 1,"
                    f" beat_at = now() - interval '{ago}'"
                )
            )
        assert fail_orphaned_runs(instance) == []

    @dg.job
    def waiting() -> None:
        wait()

    assert waiting.execute_in_process(instance=instance).success
