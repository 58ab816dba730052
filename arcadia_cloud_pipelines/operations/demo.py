"""`arcadia demo`: every asset through Dagster, against the simulator, on the embedded PostgreSQL.

Uses the same folder, Dagster instance and simulated account as `arcadia up` without a token, so
that what the demo did can be looked at there. It never talks to DigitalOcean, nor to a database
given by URL.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import dagster as dg

from ..inventory.freshness import synced_accounts
from ..settings import Settings, load_settings
from ..simulator import SimulatedAccount, serve
from ..warehouse.engine import Warehouse, open_warehouse
from .demo_rounds import Round, Step, materialize_everything
from .demo_surroundings import OWN_VARIABLES, demo_environment, log_to_file
from .drift_story import DriftStory
from .home import Home
from .payers_story import PayersStory
from .reviewed_story import IgnoreStory, file_variables, write_files
from .simulated import open_account, save_account
from .startup import open_instance, prepare
from .watch import look_once

ROUNDS = (timedelta(days=3), timedelta(hours=6), timedelta(hours=6))
"""How far the simulated account lives on between materialisations. What disappears in the first
stretch has its third strike, and is deleted, in the last."""


@dataclass(frozen=True)
class DemoResult:
    """Result of the demo."""

    home: Home
    warehouse: Warehouse
    account: str
    rounds: list[Round]
    seconds: float


class Reporter:
    """Hears what happens; the command shows it."""

    def prepared(self, home: Home, url: str) -> None:
        """Database and simulator are there."""

    def begins(self, number: int) -> None:
        """A round begins."""

    def finished(self, number: int, step: Step) -> None:
        """An asset finished."""

    def ended(self, result: Round) -> None:
        """A round is over."""

    def note(self, text: str) -> None:
        """Something worth knowing."""

    def told(self, text: str) -> None:
        """Tell what somebody did between two rounds, and what came of it."""


def demo_home(settings: Settings) -> Home:
    """The folder of the demo: the usual one, unless that mirrors a real account already.

    Starts the embedded server.
    """
    home = Home(settings.home)
    if (home.path / "postgres").is_dir():
        warehouse = open_warehouse(settings)
        warehouse.check_migrated()
        if synced_accounts(warehouse).keys() - {open_account(home).team_uuid}:
            return Home(home.path / "demo")
    return home


def run_demo(reporter: Reporter, load: Callable[[], dg.Definitions]) -> DemoResult:
    """Materialise everything a few times while the simulated account lives on.

    Args:
        reporter: hears what happens.
        load: gives everything that Dagster knows. It is called once the demo's environment stands,
            as loading reads it.

    Raises:
        OperationsError: `arcadia up` works in the same folder.
        EmbeddedPostgresError: the embedded server does not start.
    """
    started = time.monotonic()
    ignored = [name for name in os.environ if name.startswith(OWN_VARIABLES)]
    if ignored:
        reporter.note(f"not used by the demo: {', '.join(sorted(ignored))}")
    with demo_environment({}):
        usual = load_settings()
        home = demo_home(usual)
    if home.path != usual.home:
        reporter.note(
            f"{usual.home} mirrors another account, so the demo keeps to {home.path}; look at it "
            f"with ARCADIA_HOME={home.path}"
        )
    with home.exclusive():
        home.write_state({"command": "demo", "pid": os.getpid()})
        try:
            return _run(home, reporter, load, started)
        finally:
            home.state.unlink(missing_ok=True)


def _run(
    home: Home, reporter: Reporter, load: Callable[[], dg.Definitions], started: float
) -> DemoResult:
    account = open_account(home)
    write_files(home)
    with (
        serve(account) as server,
        demo_environment(
            {
                "ARCADIA_HOME": str(home.path),
                "DAGSTER_HOME": str(home.dagster),
                "DO_API_URL": server.url,
                "DO_API_TOKEN": server.token,
                # Its days pass within seconds, and each listing counts.
                "ARCADIA_STRIKE_MINUTES": "0",
                # Thousands of small commits to a database that can be made again.
                "PGOPTIONS": "-c synchronous_commit=off",
                **file_variables(home),
            }
        ),
    ):
        home.prepare()
        settings = load_settings()
        with log_to_file(home.logs / "demo.log") as log:
            prepare(settings, home, reporter.note)
            reporter.prepared(home, server.url)
            with open_instance(home) as instance:
                rounds = _rounds(instance, load(), home, account, reporter, log)
            # Each alarm is told once: here, in the log, and not anew when `arcadia up` starts.
            look_once(settings)
        warehouse = open_warehouse(settings)
    return DemoResult(home, warehouse, account.team_uuid, rounds, time.monotonic() - started)


def _rounds(
    instance: dg.DagsterInstance,
    defs: dg.Definitions,
    home: Home,
    account: SimulatedAccount,
    reporter: Reporter,
    log: logging.Handler,
) -> list[Round]:
    rounds: list[Round] = []
    warehouse = open_warehouse(load_settings())
    stories = (
        DriftStory(warehouse, account.team_uuid, reporter.told),
        PayersStory(warehouse, account.team_uuid, reporter.told),
        IgnoreStory(warehouse, reporter.told),
    )
    for number, lived in enumerate((None, *ROUNDS), 1):
        if lived is not None:
            account.advance_to(account.now + lived)
            save_account(home, account)
        reporter.begins(number)
        finished = partial(reporter.finished, number)
        result = materialize_everything(instance, defs, number, finished, log)
        reporter.ended(result)
        rounds.append(result)
        if not result.ok:
            break
        for story in stories:
            story.after(number)
    save_account(home, account)
    return rounds
