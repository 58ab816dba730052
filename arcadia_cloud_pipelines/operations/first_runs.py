"""Reads from Dagster what `first_refresh` decides by: what was ever filled, and earlier runs."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import dagster as dg

from ..dagster_support import AFTER_A_FAILURE, FIRST_REFRESH, run_under_way
from ..digitalocean.errors import WHOLE_ACCOUNT
from ..late import lately
from ..times import utc_now
from .first_refresh import MOST_ATTEMPTS, Past

BEGAN = utc_now()
"""When this process began. What failed before is no reason to wait: people mend the token that a
run named, and start anew."""

AFTER_AN_OUTAGE = timedelta(minutes=10)

ASSETS = "arcadia/assets"
"""Tag of a first refresh: the set of assets that the release had."""

_BAD = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


def filled(instance: dg.DagsterInstance, keys: Collection[dg.AssetKey]) -> dict[dg.AssetKey, float]:
    """Return which of these assets were ever filled, and when last, in seconds since 1970."""
    newest = {
        record.asset_entry.asset_key: record.asset_entry.last_materialization
        for record in instance.get_asset_records(list(keys))
    }
    return {key: event.timestamp for key, event in newest.items() if event is not None}


def past(instance: dg.DagsterInstance, assets: str, answered_at: float | None) -> Past:
    """Return what became of the first refreshes so far.

    Args:
        instance: of the deployment.
        assets: names the set of all assets; runs of a release with others do not count.
        answered_at: when a run last learned whose the account is.
    """
    now = utc_now()
    failed: set[str] = set()
    outages = attempts = 0
    outage_at: datetime | None = None
    ended_badly = dg.RunsFilter(job_name=FIRST_REFRESH, statuses=list(_BAD), tags={ASSETS: assets})
    for record in instance.get_run_records(ended_badly, limit=3 * MOST_ATTEMPTS):
        ended = datetime.fromtimestamp(record.end_time or 0.0, UTC)
        if ended < BEGAN:
            continue
        run = record.dagster_run
        steps = _failed_steps(instance, run.run_id)
        if any(steps.values()):
            outages += 1
            outage_at = outage_at or ended
            continue
        attempts += 1
        if lately(ended, now, AFTER_A_FAILURE):
            # One that was ended from outside says nothing of its assets: it waits as a whole.
            failed |= steps.keys() or {k.to_user_string() for k in run.asset_selection or ()}
    outage = outage_at is not None and (answered_at is None or answered_at < outage_at.timestamp())
    return Past(
        under_way=run_under_way(instance, FIRST_REFRESH),
        failed=frozenset(failed),
        outage=outage,
        outage_is_new=outage_at is not None and lately(outage_at, now, AFTER_AN_OUTAGE),
        attempts=attempts,
        outages=outages,
    )


def _failed_steps(instance: dg.DagsterInstance, run_id: str) -> dict[str, bool]:
    """Return the steps of a run that failed, each with whether the whole account is why."""
    found = {}
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        event = entry.dagster_event
        if event is not None and event.step_key is not None:
            told = event.step_failure_data.user_failure_data
            found[event.step_key] = told is not None and WHOLE_ACCOUNT in (told.metadata or {})
    return found
