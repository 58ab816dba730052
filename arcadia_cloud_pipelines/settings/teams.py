"""The teams of one deployment: which tokens each has, out of the file that ARCADIA_ACCOUNTS names.

Without the file there is one team, with the tokens of the environment. A mistake in the entry of a
team costs that team alone. The file names variables and files; it never holds a secret.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from ..common.redaction import masked
from . import Purpose, Settings, SettingsError
from .environment_file import environment
from .reviewed_files import ReviewedFileError, read_text
from .secret import Secret, UnreadableSecret
from .team_file import TeamEntry, entry_problems, named_account, place_of_secret, secret_of_team
from .values import SpacesKey

TAG = "arcadia/account"
"""Tag of a run that says which team it is about, by the name that the file gives it."""
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")


@dataclass(frozen=True)
class Team:
    """One team, with the settings that hold as if it were the only one."""

    name: str
    settings: Settings
    problem: str | None = None
    """Why it cannot be mirrored, in one sentence; None when its entry can be used."""


def read_teams(settings: Settings, environ: Mapping[str, str] | None = None) -> dict[str, Team]:
    """Return the teams by name, in the order of the file; none where there is no file.

    Args:
        settings: with the path of the file, and everything that teams share.
        environ: the variables that the file names; those of the process, and of the environment
            file below them, when None.

    Raises:
        SettingsError: the file as a whole cannot be used.
    """
    if settings.accounts is None:
        return {}
    env = environment() if environ is None else environ
    try:
        entries = tomllib.loads(read_text(settings.accounts, "ARCADIA_ACCOUNTS"))
    except ReviewedFileError as error:
        raise SettingsError(f"ARCADIA_ACCOUNTS: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"ARCADIA_ACCOUNTS: {settings.accounts}: {error}") from None
    if not entries:
        raise SettingsError(f"ARCADIA_ACCOUNTS: {settings.accounts} names no team")
    teams: dict[str, Team] = {}
    for name, entry in entries.items():
        team = _team(settings, name, entry, env)
        teams[team.name] = replace(team, problem=team.problem or _clash(team, [*teams.values()]))
    return {
        name: replace(team, settings=replace(team.settings, other_teams=frozenset(teams) - {name}))
        for name, team in teams.items()
    }


def team_settings(
    settings: Settings, team: str | None, environ: Mapping[str, str] | None = None
) -> Settings:
    """Return the settings of one team; the given ones where there is no file of teams.

    Args:
        settings: of the deployment.
        team: its name; None for the only one.
        environ: see `read_teams`.

    Raises:
        SettingsError: it is not said which of several teams is meant, there is none of that name,
            or its entry cannot be used.
    """
    if settings.accounts is None:
        if team is None:
            return settings
        raise SettingsError(
            f"The run is about team {team!r}, and ARCADIA_ACCOUNTS is not set: set it, or start a "
            f"run without the tag {TAG}."
        )
    teams = read_teams(settings, environ)
    if team is None and len(teams) == 1:
        team = next(iter(teams))
    if team is None:
        raise SettingsError(
            f"This run does not say which team it is about: give it the tag {TAG}, one of "
            f"{', '.join(teams)}."
        )
    if team not in teams:
        raise SettingsError(
            f"{settings.accounts} (ARCADIA_ACCOUNTS) has no team {team!r}: use one of "
            f"{', '.join(teams)}."
        )
    if (problem := teams[team].problem) is not None:
        raise SettingsError(problem)
    return teams[team].settings


def settings_of_run(settings: Settings, team: str | None) -> Settings:
    """Return the settings of a run of `team`.

    A run that does not say which of several teams it is about has no tokens: what asks no API, such
    as a forecast of all of them, works, and asking is an error that says what to do.
    """
    try:
        return team_settings(settings, team)
    except SettingsError as error:
        if team is not None:
            raise
        nothing = UnreadableSecret(str(error))
        spaces = replace(settings.spaces, key=None)
        return replace(settings, tokens=dict.fromkeys(Purpose, nothing), spaces=spaces)


def _team(settings: Settings, name: str, entry: Any, environ: Mapping[str, str]) -> Team:
    where = f"ARCADIA_ACCOUNTS: {settings.accounts}, team {masked(name[:63])!r}"
    nobody = replace(
        settings, tokens={}, team=name, spaces=replace(settings.spaces, key=None),
        expected_account=named_account(entry),
    )  # fmt: skip
    if not _NAME.fullmatch(name):
        rule = "a name has letters, digits, dots, dashes and underscores, 63 at most"
        return Team(masked(name[:63]), nobody, f"{where}: {rule}")
    try:
        said = TeamEntry.model_validate(entry)
    except ValidationError as error:
        return Team(name, nobody, f"{where}: {'; '.join(dict.fromkeys(entry_problems(error)))}")
    if said.token is None and not said.tokens:
        return Team(name, nobody, f'{where}: it names no token (token = "NAME_OF_A_VARIABLE")')
    general = None if said.token is None else secret_of_team(said.token, where, environ)
    tokens, sources = {}, {}
    for purpose in Purpose:
        own = said.tokens.get(purpose)
        token = general if own is None else secret_of_team(own, where, environ)
        if token is not None:
            tokens[purpose] = token
            sources[purpose] = place_of_secret(own or said.token)
    spaces = nobody.spaces
    if said.spaces is not None:
        key = SpacesKey(
            secret_of_team(said.spaces.access_key_id, where, environ),
            secret_of_team(said.spaces.secret_access_key, where, environ),
        )
        regions = tuple(dict.fromkeys(said.spaces.regions)) or spaces.regions
        spaces = replace(spaces, key=key, regions=regions)
    own_settings = replace(
        nobody, tokens=tokens, token_sources=sources, spaces=spaces,
        project_name=said.project_name or settings.project_name,
    )  # fmt: skip
    return Team(name, own_settings)


def _clash(team: Team, others: Sequence[Team]) -> str | None:
    """Say which earlier team has the same token or account: one of the two is a mistake."""
    mine = {*_usable(team)}
    for other in others:
        what = None
        if mine & {*_usable(other)}:
            what = "a token"
        elif team.settings.expected_account and (
            team.settings.expected_account == other.settings.expected_account
        ):
            what = "the account"
        if what is not None:
            return (
                f"ARCADIA_ACCOUNTS: {team.settings.accounts}, team {team.name!r}: it has {what} of "
                f"team {other.name!r}"
            )
    return None


def _usable(team: Team) -> Iterator[Secret]:
    return (t for t in team.settings.tokens.values() if not isinstance(t, UnreadableSecret))
