"""What must be true before the deployment's processes start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import dagster as dg

from ..settings import Purpose, Settings
from ..warehouse.engine import open_warehouse
from ..warehouse.migrate import migrate
from .errors import OperationsError
from .first_runs import filled
from .home import Home
from .run_launcher import lost, run_workers

POOL_SLOTS = 1
_FIRST_FILLED = ("projects", "balance_snapshots")
_ORPHANED = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True)
class Prepared:
    """Result of `prepare`."""

    place: str
    """The warehouse, without credentials."""
    before: str | None
    after: str
    """The schema before and after."""
    orphaned: list[str]
    """Runs that nothing was working on any more."""
    first: bool
    """True where nothing was ever read: the first refresh begins by itself."""


def open_instance(home: Home) -> dg.DagsterInstance:
    """The Dagster instance of this home.

    Raises:
        OperationsError: its database does not answer.
    """
    from sqlalchemy.exc import DBAPIError

    try:
        return dg.DagsterInstance.from_config(str(home.dagster))
    except DBAPIError as error:
        reason = " ".join(str(error.orig).split()) or type(error.orig).__name__
        raise OperationsError(
            f"Dagster's own database does not answer: {reason}. Check the server that "
            "DAGSTER_POSTGRES_URL names, or run `arcadia doctor`."
        ) from None


def prepare(settings: Settings, home: Home, say: Callable[[str], None]) -> Prepared:
    """Start or reach both databases, bring both to this release, and clear up after a crash.

    Only for one that has `home.exclusive()`: a run whose worker is not known is taken for dead.
    """
    home.prepare()
    warehouse = open_warehouse(settings)
    before, after = migrate(warehouse)
    with open_instance(home) as instance:
        # Dagster's equivalent of `dagster instance migrate`; nothing on a current database.
        instance.upgrade()
        set_pools(instance)
        orphaned = fail_orphaned_runs(instance)
        first = not filled(instance, [dg.AssetKey(name) for name in _FIRST_FILLED])
    if orphaned:
        say(f"{len(orphaned)} runs that the last stop interrupted were marked as failed")
    return Prepared(warehouse.place, before, after, orphaned, first)


def set_pools(instance: dg.DagsterInstance) -> None:
    """Give every pool its slots; a limit that somebody set by hand stays."""
    storage = instance.event_log_storage
    set_already = {pool.name for pool in storage.get_pool_limits() if not pool.from_default}
    for purpose in Purpose:
        if purpose.value not in set_already:
            storage.set_concurrency_slots(purpose.value, POOL_SLOTS)


def fail_orphaned_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark runs as failed that no process is working on, and free their slots.

    After a crash or a power loss they would stay started, and hold their pools, until the daemon
    looks. A run that another terminal or another machine works on has a worker that lives.

    Returns:
        The ids of those runs.
    """
    workers = run_workers(instance)
    orphaned = []
    for run in instance.get_runs(dg.RunsFilter(statuses=_ORPHANED)):
        worker = workers.find(run.run_id) if workers is not None else None
        if worker is not None and not worker.is_gone():
            continue
        instance.report_run_failed(run, lost(worker))
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        orphaned.append(run.run_id)
    return orphaned
