"""Tokens that the API refuses."""

from __future__ import annotations

from ..common.severity import Severity
from ..inventory.freshness import KindSyncs, kind_syncs, mirrored_teams
from ..kinds import KIND_BY_NAME, PROJECT, UNKNOWN
from ..settings import Purpose, Settings, SettingsError
from ..settings.teams import read_teams
from .model import Alarm, Answer, alarm_key
from .sources import Sources
from .teams import whose_account

LISTED_ELSEWHERE = {UNKNOWN: PROJECT.purpose}


def rejected_tokens(sources: Sources) -> Answer:
    """Find purposes whose token the API refused at their newest sync."""
    teams = mirrored_teams(sources.warehouse)
    newest: dict[tuple[Purpose, str | None], KindSyncs] = {}
    for sync in kind_syncs(sources.warehouse):
        purpose = _purpose(sync.kind)
        if purpose is None:
            continue
        of = (purpose, sync.account if len(teams) > 1 else None)
        if of not in newest or sync.started_at > newest[of].started_at:
            newest[of] = sync
    bad, unsure = [], set()
    for (purpose, _), sync in newest.items():
        part, whose = whose_account(sync.account, teams)
        key = alarm_key("token_rejected", purpose.value, *part)
        if sync.complete or not sync.available:
            continue
        if "answered 401" not in (sync.error or ""):
            unsure.add(key)
            continue
        where = _token_place(sources.settings, purpose, teams.get(sync.account or ""))
        bad.append(
            Alarm(
                key=key,
                subject=f"token {purpose.value}{whose}",
                text="DigitalOcean refuses the token (401), so nothing is read with it",
                advice=(
                    f"Set a valid token in {where}, and restart."
                    if where
                    else "Set a valid token with `arcadia init` or in DO_API_TOKEN (or "
                    f"DO_API_TOKEN_{purpose.name}), and restart."
                ),
                severity=Severity.CRITICAL,
                account=sync.account,
            )
        )
    return Answer("token_rejected/", bad, unsure=frozenset(unsure))


def _token_place(settings: Settings, purpose: Purpose, team: str | None) -> str | None:
    """Return where the token of a team stands; None where one team is mirrored."""
    if settings.accounts is None or team is None:
        return None
    try:
        place = read_teams(settings)[team].settings.token_sources[purpose]
    except (SettingsError, KeyError):
        place = "what it names"
    return f"{place} (the entry of {team} in {settings.accounts})"


def _purpose(kind: str) -> Purpose | None:
    if kind in KIND_BY_NAME:
        # Buckets are listed with a key pair of Spaces, not with the token.
        return KIND_BY_NAME[kind].purpose if KIND_BY_NAME[kind].endpoints else None
    return LISTED_ELSEWHERE.get(kind)
