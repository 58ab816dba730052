"""`arcadia demo`: every asset through Dagster, against the simulator, on the embedded PostgreSQL.

Uses the same folder, Dagster instance and simulated account as `arcadia up` without a token, so
that what the demo did can be looked at there. It never talks to DigitalOcean, nor to a database
given by URL.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

import dagster as dg
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)

from .. import environment_file
from ..inventory.freshness import synced_accounts
from ..settings import Settings, load_settings
from ..simulator import SimulatedAccount, serve
from ..warehouse.engine import Warehouse, open_warehouse
from .drift_story import DriftStory
from .home import Home
from .payers_story import PayersStory
from .processes import LOCATION
from .reviewed_story import FILES, IgnoreStory, file_variables, write_files
from .simulated import open_account, save_account
from .startup import open_instance, prepare
from .watch import look_once

_log = logging.getLogger(__name__)

ROUNDS = (timedelta(days=3), timedelta(hours=6), timedelta(hours=6))
"""How far the simulated account lives on between materialisations. What disappears in the first
stretch has its third strike, and is deleted, in the last."""

_OWN = (
    "ARCADIA_DATABASE_URL", "DAGSTER_POSTGRES_URL", "DO_API_", "SPACES_", *FILES,
    # What is wrong with a simulated account is for nobody's telephone.
    "ARCADIA_NOTIFY_", "ARCADIA_ALARM_", "ARCADIA_HEARTBEAT_",
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One asset that finished."""

    name: str
    seconds: float
    rows: int | None
    changes: dict[str, int]
    """Counts of what the asset says it did, zeros left out."""
    error: str | None = None


@dataclass
class Round:
    """One materialisation of everything."""

    number: int
    steps: list[Step] = field(default_factory=list)
    failed_checks: list[str] = field(default_factory=list)
    seconds: float = 0.0
    error: str | None = None
    """Why the run as a whole failed, where no step says so."""

    @property
    def ok(self) -> bool:
        """Say if everything in it succeeded."""
        return (
            self.error is None
            and not self.failed_checks
            and all(step.error is None for step in self.steps)
        )


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
    ignored = [name for name in os.environ if name.startswith(_OWN)]
    if ignored:
        reporter.note(f"not used by the demo: {', '.join(sorted(ignored))}")
    with _environment({}):
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
        _environment(
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
        with _log_to_file(home.logs / "demo.log") as log:
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


def materialize_everything(
    instance: dg.DagsterInstance,
    defs: dg.Definitions,
    number: int,
    finished: Callable[[Step], None],
    log: logging.Handler,
) -> Round:
    """One run of all assets and checks, in this process.

    Args:
        instance: where the run is recorded.
        defs: all assets and checks.
        number: of the round.
        finished: called with each asset as it finishes.
        log: gets all that the run says, in place of the terminal.
    """
    result = Round(number)
    handler = _Events(result, finished)

    @dg.logger
    def console(_context: dg.InitLoggerContext) -> logging.Logger:
        # Of its own, not below the root logger, which would show everything twice.
        logger = logging.Logger("dagster.demo", logging.DEBUG)
        logger.addHandler(handler)
        logger.addHandler(log)
        return logger

    # Under the name of the default one, so that the run can be repeated from the UI.
    everything = dg.Definitions.merge(defs, dg.Definitions(loggers={"console": console}))
    job = everything.resolve_implicit_global_asset_job_def()
    started = time.monotonic()
    run = job.execute_in_process(
        instance=instance,
        run_config={"loggers": {"console": {}}},
        raise_on_error=False,
        tags={"arcadia/demo": str(number)},
        # Named, or the UI shows a run without a target.
        asset_selection=sorted(job.asset_layer.executable_asset_keys),
    )
    _give_origin(instance, run.run_id)
    result.seconds = time.monotonic() - started
    if not run.success and result.ok:
        result.error = f"the run {run.run_id} failed; see the log"
    return result


def _give_origin(instance: dg.DagsterInstance, run_id: str) -> None:
    """Have a run belong to the code location of `arcadia up`, whose pages show only its own."""
    run = instance.get_run_by_id(run_id)
    if run is None:
        return
    location = GrpcServerCodeLocationOrigin(host="localhost", location_name=LOCATION)
    repository = RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME)
    instance.run_storage.replace_job_origin(run, RemoteJobOrigin(repository, run.job_name))


class _Events(logging.Handler):
    """Turns Dagster's events into steps and failed checks as they come."""

    def __init__(self, result: Round, finished: Callable[[Step], None]) -> None:
        super().__init__(logging.DEBUG)
        self._result = result
        self._finished = finished
        self._metadata: dict[str, dict[str, object]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        event: dg.DagsterEvent | None = getattr(record, "dagster_event", None)
        if event is None or event.step_key is None:
            return
        step = event.step_key
        match event.event_type:
            case dg.DagsterEventType.ASSET_MATERIALIZATION:
                metadata = event.step_materialization_data.materialization.metadata
                self._metadata[step] = {name: value.value for name, value in metadata.items()}
            case dg.DagsterEventType.ASSET_CHECK_EVALUATION:
                check = event.asset_check_evaluation_data
                if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR:
                    self._result.failed_checks.append(
                        f"{check.asset_key.to_user_string()}: {check.check_name}: "
                        f"{check.description or 'failed'}"
                    )
            case dg.DagsterEventType.STEP_SUCCESS:
                self._finish(step, event.step_success_data.duration_ms / 1000)
            case dg.DagsterEventType.STEP_FAILURE:
                error = event.step_failure_data.error
                cause = (error.cause or error) if error is not None else None
                text = cause.message.strip() if cause is not None else "failed"
                self._finish(step, 0.0, text)

    def _finish(self, name: str, seconds: float, error: str | None = None) -> None:
        metadata = self._metadata.pop(name, None)
        if metadata is None and error is None:
            return  # a step of checks
        metadata = metadata or {}
        rows = metadata.pop("dagster/row_count", None)
        words = ("discovered", "updated", "restored", "struck", "deleted")
        changes = {
            word: value
            for word in words
            if isinstance(value := metadata.get(word), int) and value > 0
        }
        step = Step(name, seconds, rows if isinstance(rows, int) else None, changes, error)
        mark = "✓" if error is None else "✗"
        counted = "" if step.rows is None else f"{step.rows:,} rows "
        _log.info("%s %s %sin %.2f s", mark, name, counted, seconds)
        self._result.steps.append(step)
        self._finished(step)


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """These variables, and none that would lead to a real account or another database."""
    saved = dict(os.environ)
    for name in list(os.environ):
        if name.startswith(_OWN):
            del os.environ[name]
    os.environ.update({environment_file.VARIABLE: "", **variables})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(saved)


@contextmanager
def _log_to_file(path: Path) -> Iterator[logging.Handler]:
    """Send what libraries log to the file, and show none of it."""
    path.unlink(missing_ok=True)
    # Dagster configures logging at each run, which closes every handler; in this mode it reopens.
    handler = logging.FileHandler(path, mode="a", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        yield handler
    finally:
        logging.captureWarnings(False)
        root.setLevel(level)
        root.removeHandler(handler)
        handler.close()
