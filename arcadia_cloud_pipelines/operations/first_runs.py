"""Reads from Dagster what `first_refresh` decides by: what was ever filled, and earlier runs."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from ..common.late import lately
from ..common.times import utc_now
from ..dagster_support.runs import AFTER_A_FAILURE, FIRST_REFRESH, run_under_way, team_tags
from ..inventory.assets import ACCOUNT
from ..warehouse.dagster_marks import WHOLE_ACCOUNT
from .first_refresh import MOST_ATTEMPTS, OF_A_TEAM, Past, due, is_over

BEGAN = utc_now()
"""When this process began. What failed before is no reason to wait: people mend the token that a
run named, and start anew."""

AFTER_AN_OUTAGE = timedelta(minutes=10)

ASSETS = "arcadia/assets"
"""Tag of a first refresh: the set of assets that the release had."""

MOST_RUNS = 50
"""How many of a team's newest runs are looked at. What only older ones filled is read again."""

_BAD = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


@dataclass(frozen=True)
class Part:
    """The part of a first refresh that one run reads."""

    team: str | None
    """The team that it is about; None where there is one team, and for what asks no API."""
    keys: frozenset[dg.AssetKey]

    @property
    def digest(self) -> str:
        """Name the set of assets."""
        return _digest(map(str, self.keys))


@dataclass(frozen=True)
class Look:
    """The rest of a part, and what to read of it now."""

    part: Part
    missing: frozenset[str]
    past: Past

    @property
    def due(self) -> frozenset[str]:
        """Return the assets to read now."""
        return due(self.missing, self.past)

    @property
    def is_over(self) -> bool:
        """Return whether nothing of it is left to start here."""
        return is_over(self.missing, self.past)


def parts(repository: dg.RepositoryDefinition, teams: Sequence[str | None]) -> list[Part]:
    """Return what to read: all at once, or for each team what asks the API, and then the rest.

    Args:
        repository: with the jobs.
        teams: as `teams_of_runs` gives them.
    """
    keys = _keys(repository, FIRST_REFRESH)
    if list(teams) == [None]:
        return [Part(None, keys)]
    asking = keys & frozenset[dg.AssetKey]().union(*(_keys(repository, job) for job in OF_A_TEAM))
    return [*(Part(team, asking) for team in teams), Part(None, keys - asking)]


def _keys(repository: dg.RepositoryDefinition, job: str) -> frozenset[dg.AssetKey]:
    return frozenset(repository.get_job(job).asset_layer.executable_asset_keys)


def parts_digest(all_parts: Sequence[Part]) -> str:
    """Name the parts together: another team, or another asset, is another name."""
    keys = {str(key) for part in all_parts for key in part.keys}
    return _digest(keys, *(part.team for part in all_parts if part.team is not None))


def _digest(words: Iterable[str], *more: str) -> str:
    return hashlib.sha256(" ".join([*sorted(words), *more]).encode()).hexdigest()[:16]


def look_at_part(instance: dg.DagsterInstance, part: Part) -> Look:
    """Return what is left of a part."""
    found = filled(instance, part.keys, part.team)
    missing = frozenset(key.to_user_string() for key in part.keys - found.keys())
    earlier = past(instance, part.digest, found.get(dg.AssetKey(ACCOUNT)), part.team)
    return Look(part, missing, earlier)


def next_ones(looks: Sequence[Look]) -> list[Look]:
    """Return the parts to start now. What asks no API reads what the teams' runs write: it is last.

    A team whose account does not answer holds it up no longer than its run works.
    """
    wanted = [look for look in looks if look.due]
    return [look for look in wanted if look.part.team is not None] or wanted


def filled(
    instance: dg.DagsterInstance, keys: Collection[dg.AssetKey], team: str | None = None
) -> dict[dg.AssetKey, float]:
    """Return which of these assets were ever filled, and when last, in seconds since 1970.

    Args:
        instance: of the deployment.
        keys: of the assets.
        team: in whose runs, where it matters; in any when None.
    """
    if team is not None:
        return _filled_for(instance, frozenset(keys), team)
    newest = {
        record.asset_entry.asset_key: record.asset_entry.last_materialization
        for record in instance.get_asset_records(list(keys))
    }
    return {key: event.timestamp for key, event in newest.items() if event is not None}


def _filled_for(
    instance: dg.DagsterInstance, keys: frozenset[dg.AssetKey], team: str
) -> dict[dg.AssetKey, float]:
    """Return the same of one team. Dagster keeps the newest event of an asset, whoever's it is."""
    found: dict[dg.AssetKey, float] = {}
    for run in instance.get_runs(dg.RunsFilter(tags=team_tags(team)), limit=MOST_RUNS):
        for entry in instance.all_logs(
            run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
        ):
            key = entry.get_dagster_event().asset_key
            if key in keys:
                found[key] = max(found.get(key, 0.0), entry.timestamp)
        if found.keys() >= keys:
            break
    return found


def past(
    instance: dg.DagsterInstance, assets: str, answered_at: float | None, team: str | None = None
) -> Past:
    """Return what became of the first refreshes so far.

    Args:
        instance: of the deployment.
        assets: names the set of all assets; runs of a release with others do not count.
        answered_at: when a run last learned whose the account is.
        team: of which the runs are.
    """
    now = utc_now()
    failed: set[str] = set()
    outages = attempts = 0
    outage_at: datetime | None = None
    ended_badly = dg.RunsFilter(
        job_name=FIRST_REFRESH, statuses=list(_BAD), tags={ASSETS: assets, **team_tags(team)}
    )
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
        under_way=run_under_way(instance, FIRST_REFRESH, team=team),
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
