"""Tokens for a demo's API, and everywhere else none."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from arcadia_cloud_pipelines.api.auth import Verifier
from arcadia_cloud_pipelines.api.caller import InvalidToken
from arcadia_cloud_pipelines.operations.child_environment import for_child
from arcadia_cloud_pipelines.operations.deployed_processes import services
from arcadia_cloud_pipelines.operations.errors import OperationsError
from arcadia_cloud_pipelines.operations.home import Home
from arcadia_cloud_pipelines.operations.local_tokens import LONGEST, make_secret, sign
from arcadia_cloud_pipelines.settings import Settings, load_settings

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
REAL = {
    "a secret": {"ARCADIA_JWT_SECRET": "x" * 64},
    "the secret of before": {"ARCADIA_JWT_SECRET_PREVIOUS": "x" * 64},
    "a secret that cannot be read": {"ARCADIA_JWT_SECRET_FILE": "/nowhere"},
    "a token": {"DO_API_TOKEN": "dop_v1_" + "a" * 64},
    "a token of one purpose": {"DO_API_TOKEN_CLOUD_BILLING": "dop_v1_" + "a" * 64},
    "a token that cannot be read": {"DO_API_TOKEN_FILE": "/nowhere"},
    "all addresses": {"ARCADIA_API_HOST": "0.0.0.0"},
    "another address": {"ARCADIA_API_HOST": "192.0.2.7"},
    "a name": {"ARCADIA_API_HOST": "api.example.com"},
}


def settings_of(home: Home, **environ: str) -> Settings:
    return load_settings({"ARCADIA_HOME": str(home.path), **environ})


def token(home: Home, **options: object) -> str:
    chosen = {"tenant": None, "lifetime": timedelta(hours=1), "now": NOW, **options}
    return sign(settings_of(home), home, **chosen)  # type: ignore[arg-type]


def verifier(home: Home, now: datetime = NOW) -> Verifier:
    """The API's, with the secret as it finds it."""
    environ = {"ARCADIA_JWT_SECRET_FILE": str(home.api_secret)}
    return Verifier(settings_of(home, **environ).jwt_secrets, "arcadia", lambda: now)


def test_the_demos_api_takes_the_token_for_as_long_as_it_says(home: Home) -> None:
    make_secret(settings_of(home), home)
    made = token(home, lifetime=timedelta(minutes=5))
    caller = verifier(home).caller(made)
    assert caller.is_admin
    assert caller.subject, "so that it may accept drift"
    with pytest.raises(InvalidToken, match="expired"):
        verifier(home, NOW + timedelta(minutes=6)).caller(made)
    for_days = token(home, lifetime=timedelta(days=30))
    with pytest.raises(InvalidToken, match="expired"):
        verifier(home, NOW + LONGEST + timedelta(minutes=1)).caller(for_days)


def test_a_tenants_token_sees_its_own(home: Home) -> None:
    make_secret(settings_of(home), home)
    assert verifier(home).caller(token(home, tenant="blue")).tenant == "blue"


@pytest.mark.parametrize("environ", REAL.values(), ids=REAL)
def test_where_anything_is_real_there_is_neither_secret_nor_token(
    home: Home, environ: Mapping[str, str]
) -> None:
    assert make_secret(settings_of(home, **environ), home) is None
    assert not home.api_secret.exists()
    # Also with the secret of a demo that was here before.
    make_secret(settings_of(home), home)
    with pytest.raises(OperationsError, match="is only for the simulator"):
        sign(settings_of(home, **environ), home, tenant=None, lifetime=timedelta(hours=1), now=NOW)


def test_the_secret_is_its_owners_alone_and_stays_the_same(home: Home) -> None:
    path = make_secret(settings_of(home), home)
    assert path is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = path.read_text()
    assert len(content) == 128
    assert make_secret(settings_of(home), home) == path
    assert path.read_text() == content


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o602, 0o777])
def test_a_secret_that_others_may_know_signs_nothing(home: Home, mode: int) -> None:
    make_secret(settings_of(home), home)
    home.api_secret.chmod(mode)
    for use in (lambda: token(home), lambda: make_secret(settings_of(home), home)):
        with pytest.raises(OperationsError, match="remove it"):
            use()


def test_a_link_in_place_of_the_secret_is_not_followed(home: Home, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("y" * 128)
    elsewhere.chmod(0o600)
    home.api_secret.symlink_to(elsewhere)
    for use in (lambda: token(home), lambda: make_secret(settings_of(home), home)):
        with pytest.raises(OperationsError, match="remove it"):
            use()


def test_something_else_in_place_of_the_secret_hangs_nobody(home: Home) -> None:
    os.mkfifo(home.api_secret, 0o600)
    with pytest.raises(OperationsError, match="remove it"):
        token(home)


def test_before_the_first_start_it_says_what_to_do(home: Home) -> None:
    with pytest.raises(OperationsError, match="run `make up` without DO_API_TOKEN"):
        token(home)


def test_no_other_process_than_the_api_learns_where_the_secret_is(home: Home) -> None:
    path = make_secret(settings_of(home), home)
    environ = {"PATH": "/bin"}
    children = services(
        home, ui_port=3000, code_socket=home.path / "code.sock", simulator_port=1,
        api=("127.0.0.1", 4005), api_secret=path, environ=environ,
    )  # fmt: skip
    knowing = {c.name for c in children if "ARCADIA_JWT_SECRET_FILE" in c.environ}
    assert knowing == {"api"}
    assert for_child("api", environ) == environ
