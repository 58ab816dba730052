"""The teams whose runs are told apart, by the tag of the runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ..settings import Settings, SettingsError
from ..settings.teams import TAG, read_teams
from ..warehouse.statements import Statements

OVER = "The team is mirrored no more."
"""How an alarm ended whose team was taken out of the file, or has another name now."""

_SQL = Statements(__file__)


@dataclass(frozen=True)
class RunTeams:
    """The teams whose runs are told apart; none where one team is mirrored."""

    mirrored: frozenset[str] = frozenset()
    over: frozenset[str] = frozenset()
    """Those that had runs and are in the file no more."""

    @property
    def scope(self) -> dict[str, Any]:
        """Return what chooses runs by team."""
        return {"teams": sorted(self.mirrored), "tag": TAG}


def run_teams(settings: Settings, connection: sa.Connection) -> RunTeams:
    """Return the teams. While their file cannot be used, which is told elsewhere, none is over."""
    seen = frozenset(_SQL.run(connection, "teams", {"tag": TAG}).scalars())
    try:
        teams = frozenset(read_teams(settings))
    except SettingsError:
        return RunTeams(seen)
    return RunTeams(teams, seen - teams)


def of_team(team: str) -> tuple[tuple[str, ...], str]:
    """Return what tells a team's alarm from another's: more of its key, and of its subject."""
    return ((team,), f" of team {team}") if team else ((), "")


def whose_run(body: Mapping[str, Any]) -> str:
    """Return the end of a run's name, which says the team; empty where one team is mirrored."""
    tags = body.get("tags")
    team = tags.get(TAG) if isinstance(tags, dict) else None
    return f" of team {team}" if team else ""


def newest_success(settings: Settings, connection: sa.Connection, job: str) -> datetime | None:
    """Return when the newest good run of a job ended, of the team that is behind all others.

    None where a team has none, or nobody knows which teams there are.
    """
    try:
        teams = RunTeams(frozenset(read_teams(settings)))
    except SettingsError:
        return None
    ended: datetime | None = _SQL.run(
        connection, "newest_success", {"job": job, **teams.scope}
    ).scalar()
    return ended


def whose_account(
    account: str | None, teams: Mapping[str, str | None]
) -> tuple[tuple[str, ...], str]:
    """Return what tells one team's alarm from another's: more of its key, and of its subject."""
    if len(teams) < 2 or account is None:
        return (), ""
    return (account,), f" of team {teams.get(account) or account}"
