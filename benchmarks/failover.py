"""Cut and close the databases under a real `arcadia up`, as a failover does; it must heal alone.

    .venv/bin/python -m benchmarks.failover [--times 3] [--seconds 40]

Each time a refresh is under way. First every connection of both databases is cut, then the server
takes no writes for a while (`default_transaction_read_only`, as a standby), then it is as before.
Nobody helps: every process must answer, the refresh and its repetition must be over with one
success among them and its pool free, what is stored must agree with itself, no row, event, edge,
line or charge of before may be missing, and what is told is told once. Exits with 0 then.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg2
import sqlalchemy as sa

from arcadia_cloud_pipelines.warehouse.engine import (
    Warehouse,
    running_dagster_url,
    running_warehouse,
)

from .consistency import contradictions
from .kill_deployment import KINDS, LAUNCH, NOT_OVER, Deployment, wait

KEPT = (
    "cloud_resources", "cloud_resource_events", "cloud_sync_runs", "cloud_invoices",
    "cloud_cost_lines",
)  # fmt: skip
"""Tables that never lose a row."""
TOLD = """
SELECT kind, key, count(*) AS episodes FROM cloud_alarms WHERE opened_at > :since
GROUP BY kind, key ORDER BY kind, key
"""


class Failover:
    """One failover of the databases of a deployment."""

    def __init__(self, up: Deployment, number: int, seconds: float) -> None:
        """Cut nothing yet."""
        self.up, self.number, self.seconds = up, number, seconds
        self.problems: list[str] = []
        self.told: list[str] = []
        warehouse = running_warehouse(up.settings)
        assert warehouse is not None
        self.warehouse: Warehouse = warehouse
        dagster = running_dagster_url(up.settings)
        assert dagster is not None
        self.databases = (warehouse.engine.url, dagster)

    def administer(self, *statements: str) -> None:
        """Run statements in each database, outside of any transaction and always with writes."""
        for url in self.databases:
            address = url.set(drivername="postgresql").render_as_string(hide_password=False)
            connection = psycopg2.connect(address, options="-c default_transaction_read_only=off")
            connection.autocommit = True
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
            connection.close()

    def set_read_only(self, setting: str) -> None:
        """Have new sessions read alone, or as before, and cut those that there are."""
        self.administer(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I "
            f"{setting}', current_database()); END $$",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )

    def run(self) -> list[str]:
        """Fail over while a refresh works, and return what was wrong afterwards."""
        before, since = self._rows(), self._now()
        self.up.simulator("advance", hours=1)
        self.up.simulator(
            "faults", path_glob="/v2/*", kind="slow", times=6, after=self.number, seconds=2
        )
        launch = LAUNCH % ", ".join(f'{{path: ["{name}"]}}' for name in KINDS)
        run_id = str(self.up.graphql(launch)["launchRun"]["run"]["runId"])
        begun = "SELECT 1 FROM arcadia_run_workers WHERE run_id = :run_id"
        if wait(lambda: self.up.dagster(begun, run_id=run_id), 180, 0.2) is None:
            self.problems.append("the refresh did not begin within 180 s")
        time.sleep(self.number * 1.5)
        self.set_read_only("SET default_transaction_read_only = on")
        time.sleep(self.seconds)
        at = time.time()
        self.set_read_only("RESET default_transaction_read_only")
        answered = wait(lambda: not self.up.silent(at), 180)
        if answered is None:
            self.problems.append(f"silent after 180 s: {', '.join(self.up.silent(at))}")
        over = wait(lambda: self._over(run_id), 600, 2.0)
        if over is None:
            self.problems.append(f"the refresh and its repetitions: {self._family(run_id)}")
        self._look(before, since)
        self.warehouse.engine.dispose()
        ended = ", then ".join(self._family(run_id))
        print(
            f"{self.number + 1}: answers after {answered or 0:.0f} s, the refresh over after"
            f" {over or 0:.0f} s: {ended}; told: {', '.join(self.told) or 'nothing'};"
            f" {'; '.join(self.problems) or 'well'}",
            flush=True,
        )
        return self.problems

    def _family(self, run_id: str) -> list[str]:
        statement = (
            "SELECT r.status FROM runs AS r WHERE r.run_id = :run_id OR EXISTS (SELECT FROM"
            " run_tags AS t WHERE t.run_id = r.run_id AND t.key = 'dagster/root_run_id'"
            " AND t.value = :run_id) ORDER BY r.id"
        )
        return [str(row[0]) for row in self.up.dagster(statement, run_id=run_id)]

    def _over(self, run_id: str) -> bool:
        family = self._family(run_id)
        held = "SELECT 1 FROM concurrency_slots WHERE run_id IS NOT NULL"
        return "SUCCESS" in family and not set(family) & set(NOT_OVER) and not self.up.dagster(held)

    def _ask(self, statement: str, **values: Any) -> list[Any]:
        with self.warehouse.transaction() as connection:
            return list(connection.execute(sa.text(statement), values))

    def _now(self) -> Any:
        return self._ask("SELECT now()")[0][0]

    def _rows(self) -> dict[str, int]:
        return {table: int(self._ask(f"SELECT count(*) FROM {table}")[0][0]) for table in KEPT}

    def _look(self, before: dict[str, int], since: Any) -> None:
        with self.warehouse.transaction() as connection:
            self.problems += contradictions(connection)
        for table, rows in self._rows().items():
            if rows < before[table]:
                self.problems.append(f"{table} lost {before[table] - rows} rows")
        for kind, key, episodes in self._ask(TOLD, since=since):
            self.told.append(f"{kind} of {key}")
            if episodes > 1:
                self.problems.append(f"{kind} of {key} was told {episodes} times")


def main() -> int:
    """Read the arguments, start the deployment, and fail over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=40)
    arguments = parser.parse_args()
    # What ends this must not leave the deployment running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    up = Deployment(Path(tempfile.mkdtemp(prefix="arcadia-failover-")))
    up.start()
    try:
        up.settle()
        problems = [Failover(up, n, arguments.seconds).run() for n in range(arguments.times)]
    finally:
        code = up.stop()
    print(f"stopped with {code}")
    return 0 if code == 0 and not any(problems) else 1


if __name__ == "__main__":
    sys.exit(main())
