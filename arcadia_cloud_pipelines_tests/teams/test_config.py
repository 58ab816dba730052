"""The file of teams: what it may say, and what a mistake in it costs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from arcadia_cloud_pipelines.operations.child_environment import for_child
from arcadia_cloud_pipelines.settings import Purpose, Settings, SettingsError, load_settings
from arcadia_cloud_pipelines.settings.secret import Secret
from arcadia_cloud_pipelines.settings.teams import Team, read_teams, team_settings

SECRET = "dop_v1_0123456789abcdef"
UUID = "1a2a1c8dab46423ee065bf730d8c42d991935f05"
ENVIRON = {"ACME_TOKEN": "acme-secret", "ACME_BILLING": "acme-billing", "OTHER_TOKEN": "other"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "teams.toml"


def load(path: Path, text: str, **environ: str) -> tuple[Settings, Mapping[str, str]]:
    path.write_text(text)
    env = {"ARCADIA_ACCOUNTS": str(path), **ENVIRON, **environ}
    return load_settings(env), env


def teams(path: Path, text: str, **environ: str) -> dict[str, Team]:
    return read_teams(*load(path, text, **environ))


def test_without_the_file_there_is_one_team_as_ever() -> None:
    settings = load_settings({"DO_API_TOKEN": "only"})
    assert read_teams(settings) == {}
    assert team_settings(settings, None) is settings
    assert (settings.team, settings.has_account) == (None, True)
    with pytest.raises(SettingsError, match="ARCADIA_ACCOUNTS is not set"):
        team_settings(settings, "acme")


def test_each_purpose_has_the_token_that_its_team_names(path: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from a file\n".replace(" ", "-"))
    text = f"""
        [acme]
        account = "{UUID}"
        token = "ACME_TOKEN"
        tokens.cloud_billing = "ACME_BILLING"
        tokens.metering = {{ file = "{tmp_path / "token"}" }}
        project_name = "acme-own"
        spaces = {{ access_key_id = "ACME_ID", secret_access_key = "ACME_KEY", regions = ["ams3"] }}
        [other]
        token = "OTHER_TOKEN"
    """
    found = teams(path, text, ACME_ID="id", ACME_KEY="key", DO_API_TOKEN="nobody's")
    assert [*found] == ["acme", "other"]
    acme, other = (team.settings for team in found.values())
    assert acme.token(Purpose.CLOUD_SYNC_FAST) == Secret("acme-secret")
    assert acme.token(Purpose.CLOUD_BILLING) == Secret("acme-billing")
    assert acme.token(Purpose.METERING) == Secret("from-a-file")
    assert other.token(Purpose.CLOUD_BILLING) == Secret("other")
    assert (acme.expected_account, other.expected_account) == (UUID, None)
    assert (acme.project_name, other.project_name) == ("acme-own", "skyai-internal")
    assert acme.spaces.key is not None
    assert (acme.spaces.regions, other.spaces.key) == (("ams3",), None)
    assert (acme.team, other.team) == ("acme", "other")


MISTAKES = {
    "a secret itself": (f'token = "{SECRET}"', "must name a variable"),
    "a secret of a purpose": (f'tokens.cloud_billing = "{SECRET}"', "must name a variable"),
    "no token": (f'account = "{UUID}"', "names no token"),
    "an unknown purpose": ('tokens.bogus = "ACME_TOKEN"', "tokens.bogus"),
    "an unknown setting": ('token = "ACME_TOKEN"\ntokenn = "X"', "tokenn is not a setting"),
    "an account with dashes": (
        'token = "ACME_TOKEN"\naccount = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"', "40 hex digits",
    ),
    "half a key pair": (
        'token = "ACME_TOKEN"\nspaces = { access_key_id = "ACME_ID" }', "secret_access_key",
    ),
    "a number": ("token = 5", "must name a variable"),
    "a list": ('token = ["ACME_TOKEN"]', "must name a variable"),
    "the token of another": ('token = "OTHER_TOKEN"', "a token of team 'other'"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_an_entry_costs_that_team_alone(path: Path, mistake: str) -> None:
    entry, told = MISTAKES[mistake]
    settings, env = load(path, f'[other]\ntoken = "OTHER_TOKEN"\n[acme]\n{entry}\n')
    found = read_teams(settings, env)
    assert found["other"].problem is None
    problem = found["acme"].problem or ""
    assert told in problem
    assert "acme" in problem
    assert str(path) in problem
    assert SECRET not in problem
    with pytest.raises(SettingsError) as raised:
        team_settings(settings, "acme", env)
    assert str(raised.value) == problem
    assert team_settings(settings, "other", env).token(Purpose.METERING) == Secret("other")


def test_an_entry_that_is_no_table_and_a_name_that_is_none(path: Path) -> None:
    found = teams(path, 'x = 5\n["a b"]\ntoken = "ACME_TOKEN"\n')
    assert "entry" in (found["x"].problem or "")
    assert "a name has letters" in (found["a b"].problem or "")


@pytest.mark.parametrize("entry", ['token = "NOT_SET"', 'token = { file = "/does/not/exist" }'])
def test_a_secret_that_is_not_there_is_an_error_where_it_is_used(path: Path, entry: str) -> None:
    settings, env = load(path, f"[acme]\n{entry}\n")
    own = team_settings(settings, "acme", env)
    with pytest.raises(
        SettingsError, match=r"team 'acme'.*(NOT_SET is not set|its entry names .*cannot be read)"
    ):
        own.token(Purpose.CLOUD_SYNC_FAST)


def test_a_purpose_without_a_token_names_its_team(path: Path) -> None:
    settings, env = load(path, '[acme]\ntokens.cloud_billing = "ACME_BILLING"\n')
    own = team_settings(settings, "acme", env)
    with pytest.raises(SettingsError, match="team acme has no token for cloud_sync_fast"):
        own.token(Purpose.CLOUD_SYNC_FAST)


@pytest.mark.parametrize("text", ["", "[acme\n", "\x00", 'a = "'])
def test_a_file_that_cannot_be_used_is_named(path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=r"ARCADIA_ACCOUNTS.*teams\.toml"):
        teams(path, text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    settings = load_settings({"ARCADIA_ACCOUNTS": str(tmp_path / "none.toml")})
    with pytest.raises(SettingsError, match=r"none\.toml"):
        read_teams(settings)


def test_which_of_several_teams_is_meant_must_be_said(path: Path) -> None:
    settings, env = load(path, '[one]\ntoken = "ACME_TOKEN"\n[two]\ntoken = "OTHER_TOKEN"\n')
    with pytest.raises(SettingsError, match="arcadia/account, one of one, two"):
        team_settings(settings, None, env)
    with pytest.raises(SettingsError, match="no team 'three'"):
        team_settings(settings, "three", env)
    alone, env = load(path, '[one]\ntoken = "ACME_TOKEN"\n')
    assert team_settings(alone, None, env).team == "one"


def test_two_teams_of_one_account_are_a_mistake_of_the_second(path: Path) -> None:
    entry = f'account = "{UUID}"\n'
    found = teams(path, f'[a]\n{entry}token = "ACME_TOKEN"\n[b]\n{entry}token = "OTHER_TOKEN"\n')
    assert found["a"].problem is None
    assert "the account of team 'a'" in (found["b"].problem or "")


def test_variables_that_the_file_names_are_secrets_whatever_they_are_called(path: Path) -> None:
    _, env = load(path, '[acme]\ntoken = "HARMLESS"\n', HARMLESS="secret", PLAIN="x")
    assert "HARMLESS" in for_child("code", env)
    for name in ("webserver", "daemon", "api", "postgres"):
        child = for_child(name, env)
        assert "HARMLESS" not in child
        assert child["PLAIN"] == "x"


BESIDE = {
    "an unknown setting": '[acme]\ntoken = "HARMLESS"\ntokenn = 5\n',
    "an account with dashes": '[acme]\ntoken = "HARMLESS"\naccount = "f81d-4fae"\n',
    "a broken table": '[other]\ntoken = "OTHER_TOKEN"\n[acme\ntoken = "HARMLESS"\n',
    "a name that is none": '["a b"]\ntoken = "HARMLESS"\n',
    "a key pair": "[acme]\nspaces = { access_key_id = 'HARMLESS' }\n",
    "a purpose": '[acme]\ntokens.bogus = "HARMLESS"\n',
    "in another case": '[acme]\ntokens.cloud_billing = "HARMLESS"\ntoken = 5\n',
}


@pytest.mark.parametrize("mistake", BESIDE)
def test_a_mistake_hands_no_variable_to_others(path: Path, mistake: str) -> None:
    path.write_text(BESIDE[mistake])
    env = {"ARCADIA_ACCOUNTS": str(path), "HARMLESS": "secret", "PLAIN": "x"}
    assert for_child("code", env)["HARMLESS"] == "secret"
    for name in ("webserver", "daemon", "api", "alarms", "postgres"):
        child = for_child(name, env)
        assert "HARMLESS" not in child
        assert child["PLAIN"] == "x"


def test_a_variable_of_a_team_is_nobody_elses_whatever_its_name_begins_with(path: Path) -> None:
    _, env = load(path, '[acme]\ntoken = "PGPASSWORD_ACME"\n', PGPASSWORD_ACME="s", PGPASSWORD="w")
    child = for_child("api", env)
    assert ("PGPASSWORD_ACME" in child, child["PGPASSWORD"]) == (False, "w")


def test_the_account_of_an_entry_that_cannot_be_used_is_known(path: Path) -> None:
    """What fails is that team's; nobody else is blamed for it."""
    found = teams(path, f'[acme]\naccount = "{UUID}"\ntoken = "{SECRET}"\n')
    assert found["acme"].problem is not None
    assert found["acme"].settings.expected_account == UUID


def test_a_team_knows_where_its_tokens_stand_and_who_the_others_are(path: Path) -> None:
    text = """
        [acme]
        token = "ACME_TOKEN"
        tokens.cloud_billing = { file = "/run/acme" }
        [other]
        token = "OTHER_TOKEN"
    """
    acme = teams(path, text)["acme"].settings
    assert acme.token_sources[Purpose.METERING] == "ACME_TOKEN"
    assert acme.token_sources[Purpose.CLOUD_BILLING] == "/run/acme"
    assert acme.other_teams == {"other"}
