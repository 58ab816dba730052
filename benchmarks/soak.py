"""A year of the product in an hour: every tick, with faults of all sorts, by a clock that is moved.

    .venv/bin/python -m benchmarks.soak [--days 366] [--minutes 60] [--seed 1] [--start 2027-12-01]

The ticks are those of the real schedules, in their own order. Most would be a Dagster run of its
own; here the functions that the runs call are called. Five kinds are listed instead of all. Of the
hourly ticks each does its work while something is wrong and for some hours after, and those of two
hours a day otherwise. The simulated account, the product and the database have one clock, which is
moved. After `--minutes` the rest of the year is left out, and the report says from when on.

Wrong go single answers of the API, all of them for hours, the token, the database (killed and
started again), the work itself (killed and done again), and the clocks of the product and the
database (`soak_faults`). At the end: no tick was missed or came twice, what is stored agrees with
itself, every invoice is as the account has it, each alarm was told once and is over, the tables
have the sizes that `MOST` allows, and the memory of the process did not grow.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from heapq import merge
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import requests
import sqlalchemy as sa
from dagster._utils.schedules import cron_string_iterator

from arcadia_cloud_pipelines.alarms import conditions
from arcadia_cloud_pipelines.alarms.look import look
from arcadia_cloud_pipelines.allocation.allocate import allocate
from arcadia_cloud_pipelines.allocation.proposals import propose
from arcadia_cloud_pipelines.billing.account_facts import sync_account_facts
from arcadia_cloud_pipelines.billing.balance import snapshot_balance
from arcadia_cloud_pipelines.billing.ingest import ingest_invoices
from arcadia_cloud_pipelines.billing.insights import sync_daily_costs
from arcadia_cloud_pipelines.billing.invoices import due_invoices, sync_invoices
from arcadia_cloud_pipelines.billing.kept import keep_months
from arcadia_cloud_pipelines.billing.open_month import refresh_open_month
from arcadia_cloud_pipelines.billing.prepayment import sync_prepayment
from arcadia_cloud_pipelines.billing.rematch import rematch, unmatched_since
from arcadia_cloud_pipelines.digitalocean import DigitalOcean, DigitalOceanError
from arcadia_cloud_pipelines.drift.adopting import adopt
from arcadia_cloud_pipelines.drift.sweep import sweep
from arcadia_cloud_pipelines.forecast.model import make_forecasts
from arcadia_cloud_pipelines.settings import Purpose, load_settings
from arcadia_cloud_pipelines.warehouse.embedded import EmbeddedPostgres
from arcadia_cloud_pipelines.warehouse.embedded_server import ServerFolder
from arcadia_cloud_pipelines.warehouse.engine import Warehouse
from arcadia_cloud_pipelines.warehouse.errors import WarehouseError
from arcadia_cloud_pipelines.warehouse.migrate import migrate

from . import soak_clock
from .consistency import contradictions
from .kill_functions import finished, in_a_child
from .kill_works import KINDS, Place, Work, close, refresh
from .refresh import simulator
from .soak_faults import Trouble, year

START = datetime(2027, 12, 1, tzinfo=UTC)
"""Before a leap year: 29 February and both changes of summer time lie in it."""
HOURLY_WORK = ("inventory_sync", "balance_snapshot", "drift_sweep")
AFTERWARDS = timedelta(hours=3)
NOT_DRIVEN = ("terraform_import", "inventory_overlooked", "housekeeping")
"""No Terraform state is configured, no project is looked through, and Dagster's storage is empty:
what housekeeping deletes is tested and killed elsewhere."""
SMALL = 64 * 1024**2
MOST = {"cloud_sync_runs": 256 * 1024**2, "cloud_resource_events": 256 * 1024**2}
"""Bytes that a table may have after a year, with its indexes; the others `SMALL`."""

EXPECTED = (DigitalOceanError, WarehouseError)
"""With these a run fails, and the next one goes on."""


def schedules() -> list[tuple[str, str, str]]:
    """Return name, cron and job of each schedule of the product."""
    from arcadia_cloud_pipelines.definitions import defs

    found = []
    for schedule in defs.schedules or ():
        assert isinstance(schedule, dg.ScheduleDefinition)
        assert schedule.execution_timezone == "UTC", schedule.name
        found.append((schedule.name, str(schedule.cron_schedule), schedule.job_name))
    return found


def ticks(start: datetime, end: datetime) -> Iterator[tuple[datetime, str, str]]:
    """Yield time, schedule and job of every tick, as Dagster's scheduler finds them."""

    def of(name: str, cron: str, job: str) -> Iterator[tuple[datetime, str, str]]:
        for at in cron_string_iterator(start.timestamp(), cron, "UTC"):
            if at >= end:
                return
            yield at, name, job

    return merge(*(of(*schedule) for schedule in schedules()))


class Soak:
    """The year, and what is noted of it."""

    def __init__(self, home: Path, place: tuple[str, str], start: datetime) -> None:
        """Make the database, with a clock that is moved."""
        self.home = home
        self.server = EmbeddedPostgres(home)
        self.clock = soak_clock.MovedClock(start)
        self._admin("CREATE DATABASE soak")
        self._admin("ALTER SYSTEM SET fsync = off")
        self.place = Place(self.server.url("soak"), home, *place, kinds=KINDS[::2])
        self.warehouse = self.place.warehouse()
        soak_clock.install(self.warehouse.engine)
        soak_clock.move(self.warehouse.engine, start)
        migrate(self.warehouse)
        self.settings = load_settings(
            {"DO_API_URL": place[0], "DO_API_TOKEN": place[1], "ARCADIA_HOME": str(home)}
        )
        self.ran: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.troubles: Counter[str] = Counter()
        self.unexpected: list[str] = []
        self.memory: list[int] = []
        self.newest = 0
        self.wrong = False
        """True while the account does not answer."""
        self.went_wrong = start
        self.left_out: datetime | None = None
        self.planned = False

    def _admin(self, statement: str) -> None:
        engine = sa.create_engine(self.server.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text(statement))
        engine.dispose()

    def now(self, at: datetime) -> None:
        """Move every clock."""
        self.clock.set(at)
        body = {"to": at.isoformat()}
        requests.post(f"{self.place.simulator}/_simulator/advance", json=body, timeout=300)
        soak_clock.move(self.warehouse.engine, at)

    # ---- the works

    def client(self) -> DigitalOcean:
        """Return a client as billing has it, with nothing remembered."""
        return self.place.clients(self.warehouse).for_purpose(Purpose.CLOUD_BILLING)

    def do(self, job: str) -> None:
        """Do what a job does, as its runs would: what fails has failed."""
        works: dict[str, Callable[[], Any]] = {
            "inventory_sync": lambda: refresh(self.place, self.warehouse),
            "balance_snapshot": lambda: snapshot_balance(
                self.warehouse, self.client(), now=self.warehouse.now
            ),
            "drift_sweep": self._sweep,
            "billing_history": self._bills,
            "open_month": lambda: refresh_open_month(self.warehouse, self.client()),
            "account_and_rates": self._facts,
            "daily_costs_read": lambda: sync_daily_costs(self.warehouse, self.client()),
            "month_sums": lambda: keep_months(self.warehouse),
            "cost_forecast": lambda: make_forecasts(self.warehouse),
            "cost_allocation": self._statements,
        }
        self.ran[job] += 1
        try:
            works[job]()
        except EXPECTED as error:
            self.failed[f"{job}: {type(error).__name__}"] += 1
        except Exception:
            text = traceback.format_exc(limit=-4)
            self.unexpected.append(f"{job} at {self.clock.now():%Y-%m-%d %H:%M}: {text}")

    def _sweep(self) -> None:
        if not self.planned:
            adopt(self.warehouse, actor="soak")
            self.planned = True
        sweep(self.warehouse)

    def _bills(self) -> None:
        client = self.client()
        sync_invoices(self.warehouse, client)
        if due := due_invoices(self.warehouse):
            ingest_invoices(self.warehouse, client, due)
        newest = unmatched_since(self.warehouse, self.newest)
        if newest is not None:
            rematch(self.warehouse)
            self.newest = newest

    def _facts(self) -> None:
        sync_account_facts(self.warehouse, self.client())
        sync_prepayment(self.warehouse, self.client())

    def _statements(self) -> None:
        allocate(self.warehouse, None)
        for proposal in propose(self.warehouse):
            close(self.warehouse, proposal.period)

    def look(self) -> None:
        """Look for alarms, as `arcadia alarms watch` does each minute."""
        questions = {**conditions.QUESTIONS}
        try:
            look(self.settings, self.warehouse, self.warehouse.engine, questions)
        except EXPECTED as error:
            self.failed[f"alarms: {type(error).__name__}"] += 1

    # ---- what goes wrong

    def suffer(self, trouble: Trouble) -> None:
        """Let something go wrong, now."""
        self.troubles[trouble.what] += 1
        self.went_wrong = trouble.at
        faults = f"{self.place.simulator}/_simulator/faults"
        match trouble.what:
            case "glitch" | "outage" | "refused":
                requests.post(faults, json=trouble.says, timeout=60).raise_for_status()
                self.wrong |= trouble.what != "glitch"
            case "over":
                requests.delete(faults, json={}, timeout=60)
                self.wrong = False
            case "restart":
                self.restart()
            case "kill":
                work = Work(lambda *_: None, refresh)
                after = trouble.says["after"]
                killed = finished(in_a_child(work, self.place, die_after=after))
                self.troubles[f"kill that ended with {killed}"] += 1
            case "product clock":
                self.clock.set(trouble.at + timedelta(**trouble.says))
                self.do("inventory_sync")
                self.do("balance_snapshot")
                self.do("daily_costs_read")
                self.clock.set(trouble.at)
            case "database clock":
                soak_clock.move(self.warehouse.engine, trouble.at + timedelta(**trouble.says))
                self.do("inventory_sync")
                soak_clock.move(self.warehouse.engine, trouble.at)

    def restart(self) -> None:
        """Kill PostgreSQL, work while it is away, and have it started again."""
        pid = ServerFolder(self.home).pid()
        assert pid is not None
        server = psutil.Process(pid)
        server.kill()
        psutil.wait_procs([server], timeout=30)
        self.do("balance_snapshot")
        self.server.close()
        self.server = EmbeddedPostgres(self.home)
        self.warehouse.engine.dispose()

    # ---- the year

    def live(self, start: datetime, end: datetime, seed: int, until: float) -> Counter[str]:
        """Let the year go by, and return how many ticks each schedule had."""
        troubles = year(seed, start, end)
        seen: Counter[str] = Counter()
        month = start.month
        for at, schedule, job in ticks(start, end):
            seen[schedule] += 1
            calm = not self.wrong and at - self.went_wrong > AFTERWARDS
            if time.monotonic() > until and self.left_out is None and calm:
                self.left_out = at
            if self.left_out is not None:
                continue
            while troubles and troubles[0].at <= at:
                self.now(troubles[0].at)
                self.suffer(troubles.pop(0))
            if self.is_due(job, at):
                self.now(at)
                self.do(job)
                if job == "drift_sweep":
                    self.look()
            if at.month != month:
                month = at.month
                self.memory.append(psutil.Process().memory_info().rss)
                print(f"{at:%Y-%m-%d}: {self.memory[-1] // 2**20} MiB", flush=True)
        return seen

    def is_due(self, job: str, at: datetime) -> bool:
        """Return whether a tick does its work."""
        if job in HOURLY_WORK:
            return self.wrong or at - self.went_wrong < AFTERWARDS or at.hour in (1, 13)
        return job not in NOT_DRIVEN and (job != "month_sums" or at.hour == 6)


def judge(soak: Soak, seen: Counter[str], start: datetime, end: datetime) -> Iterator[str]:
    """Yield what is not as it must be."""
    yield from soak.unexpected
    hours = int((end - start) / timedelta(hours=1))
    for name, cron, _ in schedules():
        minute, hour, *_, weekday = cron.split()
        expected = hours if hour == "*" else hours // 24 if weekday == "*" else seen[name]
        if not minute.isdigit() or seen[name] != expected:
            yield f"{name} had {seen[name]} ticks, not {expected}"
    with soak.warehouse.transaction() as connection:
        yield from contradictions(connection, allocated=True)
        stored = {
            row.invoice_uuid: (row.amount, row.ingest_status)
            for row in connection.execute(
                sa.text("SELECT invoice_uuid, amount, ingest_status FROM cloud_invoices")
            )
        }
        late = connection.execute(
            sa.text(
                "SELECT key, text, opened_at FROM cloud_alarms WHERE closed_at IS NULL"
                " AND kind IN ('late', 'asset_late', 'token_rejected', 'loss_suppressed',"
                " 'invoice_missing')"
            )
        ).all()
        untold = connection.execute(
            sa.text(
                "SELECT key, opened_at FROM cloud_alarms"
                " WHERE told_at IS NULL AND closed_at - opened_at > interval '1 hour'"
            )
        ).all()
    yield from (f"the alarm is not over: {tuple(row)}" for row in late)
    yield from (f"the alarm was never told: {tuple(row)}" for row in untold[:5])
    url = f"{soak.place.simulator}/_simulator/billing"
    # Of the last days one may not have been asked for yet.
    known = (soak.clock.now() - timedelta(days=2)).strftime("%Y-%m")
    for invoice in requests.get(url, timeout=60).json()["invoices"]:
        if invoice["invoice_period"] >= known and invoice["invoice_uuid"] not in stored:
            continue
        wanted = (Decimal(invoice["amount"]), "ingested")
        if (found := stored.get(invoice["invoice_uuid"])) != wanted:
            yield f"the invoice {invoice['invoice_uuid']} is {found}, not {wanted}"
    if len(soak.memory) > 6 and soak.memory[-1] > 1.25 * soak.memory[3]:
        yield f"memory grew from {soak.memory[3]:,} to {soak.memory[-1]:,} bytes"
    for name, size, _ in sizes(soak.warehouse):
        if size > MOST.get(name, SMALL):
            yield f"{name} has {size:,} bytes, more than {MOST.get(name, SMALL):,}"


def sizes(warehouse: Warehouse) -> list[tuple[str, int, int]]:
    """Return name, bytes with indexes, and rows of each table, the largest first."""
    with warehouse.transaction() as connection:
        names = connection.execute(
            sa.text(
                "SELECT relname, pg_total_relation_size(oid) FROM pg_class"
                " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 2 DESC"
            )
        ).all()
        return [
            (name, size, connection.execute(sa.text(f'SELECT count(*) FROM "{name}"')).scalar_one())
            for name, size in names
        ]


def report(soak: Soak, seen: Counter[str], seconds: float) -> None:
    """Print what there was."""
    print(f"{sum(seen.values()):,} ticks, {sum(soak.ran.values()):,} works in {seconds:,.0f} s")
    if soak.left_out is not None:
        print(f"there was no time for the works from {soak.left_out:%Y-%m-%d %H:%M} on")
    print(f"works: {dict(soak.ran)}")
    print(f"that failed: {dict(soak.failed)}")
    print(f"what went wrong: {dict(soak.troubles)}")
    with soak.warehouse.transaction() as connection:
        alarms = connection.execute(
            sa.text(
                "SELECT kind, count(*), count(closed_at) FROM cloud_alarms GROUP BY 1 ORDER BY 1"
            )
        )
        print("alarms (kind, told, over):", [tuple(row) for row in alarms])
    for name, size, rows in sizes(soak.warehouse)[:14]:
        print(f"{name:32}{rows:12,} rows{size / 2**20:10.1f} MiB")


def main(given: list[str] | None = None) -> int:
    """Read the arguments, let the year go by, and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=366)
    parser.add_argument("--minutes", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--droplets", type=int, default=12)
    parser.add_argument("--start", type=datetime.fromisoformat, default=START)
    arguments = parser.parse_args(given)
    start = arguments.start.replace(tzinfo=UTC)
    end = start + timedelta(days=arguments.days)
    os.environ["ARCADIA_STRIKE_MINUTES"] = "20"
    logging.disable(logging.ERROR)
    begun = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as folder,
        simulator(0, 5, arguments.droplets, start.year - 1, start) as place,
    ):
        soak = Soak(Path(folder) / "home", place, start)
        with soak_clock.injected(soak.clock):
            until = begun + 60 * arguments.minutes
            seen = soak.live(start, end, arguments.seed, until)
            problems = list(judge(soak, seen, start, end))
            report(soak, seen, time.monotonic() - begun)
        soak.server.close()
    for problem in problems:
        print(problem)
    print("the year passed" if not problems else f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
