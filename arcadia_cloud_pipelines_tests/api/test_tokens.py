"""Attacks on tokens, each refused; and the tokens that are good."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable

import jwt
import pytest

from arcadia_cloud_pipelines.api.auth import KEY_BYTES, LEEWAY, TOKEN_BYTES
from arcadia_cloud_pipelines.api.server import run_api
from arcadia_cloud_pipelines.settings import SettingsError, load_settings
from arcadia_cloud_pipelines.settings.secret import Secret
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from .conftest import SECRET, Api, serve

OTHER = "somebody else's secret".ljust(64, "?")
ADMIN = {"role": "platform_admin"}


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _unsigned(api: Api) -> str:
    _, claims, _ = api.token(**ADMIN).split(".")
    return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{claims}."


def _swapped_tenant(api: Api) -> str:
    head, claims, signature = api.token(tenant_id="a").split(".")
    content = json.loads(base64.urlsafe_b64decode(claims + "=="))
    return f"{head}.{_part({**content, 'tenant_id': 'b'})}.{signature}"


def _unsigned_but_named(api: Api) -> str:
    head, claims, _ = api.token(**ADMIN).split(".")
    return f"{head}.{claims}."


def _now(api: Api) -> float:
    return api.time[0].timestamp()


ATTACKS: dict[str, Callable[[Api], str]] = {
    "empty": lambda api: "",
    "garbage": lambda api: "a.b.c",
    "not ASCII": lambda api: "ключ",
    "HS256": lambda api: api.token(algorithm="HS256", **ADMIN),
    "HS384": lambda api: api.token(algorithm="HS384", **ADMIN),
    "unsigned": _unsigned,
    "signature left out": _unsigned_but_named,
    "another key": lambda api: api.token(key=OTHER, **ADMIN),
    "expired": lambda api: api.token(exp=_now(api) - LEEWAY, **ADMIN),
    "without exp": lambda api: api.token(exp=None, **ADMIN),
    "exp as text": lambda api: api.token(exp="9999999999", **ADMIN),
    "exp as true": lambda api: api.token(exp=True, **ADMIN),
    "exp not a number": lambda api: api.token(exp=float("nan"), **ADMIN),
    "exp infinite": lambda api: api.token(exp=float("inf"), **ADMIN),
    "not yet valid": lambda api: api.token(nbf=_now(api) + LEEWAY + 1, **ADMIN),
    "nbf as text": lambda api: api.token(nbf="0", **ADMIN),
    "another issuer": lambda api: api.token(iss="somebody", **ADMIN),
    "without issuer": lambda api: api.token(iss=None, **ADMIN),
    "for another audience": lambda api: api.token(aud="somebody", **ADMIN),
    "for other audiences": lambda api: api.token(aud=["a", "Arcadia", 7], **ADMIN),
    "for no audience": lambda api: api.token(aud=[], **ADMIN),
    "audience in an object": lambda api: api.token(aud={"arcadia": True}, **ADMIN),
    "audience in a list in a list": lambda api: api.token(aud=[["arcadia"]], **ADMIN),
    "refresh token": lambda api: api.token(typ="refresh", **ADMIN),
    "without type": lambda api: api.token(typ=None, **ADMIN),
    "oversized": lambda api: api.token(pad="x" * TOKEN_BYTES, **ADMIN),
    "tenant swapped": _swapped_tenant,
    "critical header": lambda api: jwt.encode(
        {"iss": "arcadia", "typ": "access", "exp": _now(api) + 9, **ADMIN}, SECRET, "HS512",
        headers={"crit": ["unheard-of"], "unheard-of": 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_gets_401(api: Api, attack: str) -> None:
    token = ATTACKS[attack](api)
    answer = api.client.get(
        "/api/v1/inventory", headers={"Authorization": f"Bearer {token}".encode()}
    )
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert not token or token not in answer.text


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic a2ltOmtpbQ==", "bearer", "{token}"]
)
def test_no_bearer_token_gets_401(api: Api, header: str | None) -> None:
    headers = {"Authorization": header.format(token=api.token(**ADMIN))} if header else {}
    assert api.client.get("/api/v1/inventory", headers=headers).status_code == 401


def test_two_tokens_are_none(api: Api) -> None:
    one = ("Authorization", f"Bearer {api.token(**ADMIN)}")
    assert api.client.get("/api/v1/inventory", headers=[one, one]).status_code == 401


def test_a_token_elsewhere_than_in_the_header_is_none(api: Api) -> None:
    token = api.token(**ADMIN)
    assert api.client.get(f"/api/v1/inventory?access_token={token}").status_code == 401
    assert api.client.get("/api/v1/inventory", headers={"Cookie": token}).status_code == 401


@pytest.mark.parametrize(
    "claims",
    [
        {"role": "platform_admin"},
        {"roles": ["reader", "platform_admin"]},
        {"roles": "platform_admin"},
        {"tenant_id": "t"},
        {"tenant_id": "t", "role": "tenant_admin", "roles": ["other"]},
        {"role": "platform_admin", "aud": "arcadia", "iat": 9e9, "jti": 5, "nbf": None},
        {"role": "platform_admin", "aud": ["other", "arcadia"]},
        {"role": "platform_admin", "sub": None},
    ],
)
def test_a_good_token_gets_in(api: Api, claims: dict[str, object]) -> None:
    headers = {"Authorization": f"bearer {api.token(**claims)}"}
    assert api.client.get("/api/v1/inventory", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"role": "platform_admins"},
        {"roles": ["Platform_Admin", None, ["platform_admin"]]},
        {"roles": {"platform_admin": True}},
        {"role": "reader platform_admin"},
        {"tenant_id": ""},
        {"tenant_id": " "},
        {"tenant_id": 7},
        {"tenant_id": ["t"]},
        {"tenant_id": "a\0b"},
        {"tenant_id": "x" * 300},
    ],
)
def test_neither_role_nor_tenant_gets_403(api: Api, claims: dict[str, object]) -> None:
    headers = {"Authorization": f"Bearer {api.token(**claims)}"}
    assert api.client.get("/api/v1/inventory", headers=headers).status_code == 403


def test_the_audience_is_a_setting(warehouse: Warehouse) -> None:
    settings = load_settings({"ARCADIA_JWT_AUDIENCE": "cloud"})
    for api in serve(warehouse, jwt_audience=settings.jwt_audience):
        for audience, status in (
            ("cloud", 200),
            (["x", "cloud"], 200),
            ("arcadia", 401),
            (None, 200),
        ):
            headers = {"Authorization": f"Bearer {api.token(aud=audience, **ADMIN)}"}
            assert api.client.get("/api/v1/inventory", headers=headers).status_code == status


def test_clocks_may_differ_a_little(api: Api) -> None:
    late = api.token(exp=_now(api) - LEEWAY + 1, nbf=_now(api) + LEEWAY, **ADMIN)
    headers = {"Authorization": f"Bearer {late}"}
    assert api.client.get("/api/v1/inventory", headers=headers).status_code == 200


def test_either_of_two_secrets_will_do(warehouse: Warehouse) -> None:
    for api in serve(warehouse, jwt_secrets=(Secret(OTHER), Secret(SECRET))):
        for key, status in ((SECRET, 200), (OTHER, 200), ("third".ljust(64), 401)):
            headers = {"Authorization": f"Bearer {api.token(key=key, **ADMIN)}"}
            assert api.client.get("/api/v1/inventory", headers=headers).status_code == status


def test_without_a_secret_every_call_is_401_and_the_log_says_why(
    warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    for api in serve(warehouse, jwt_secrets=()):
        assert api.get("/api/v1/inventory").status_code == 401
        unsigned = {"Authorization": f"Bearer {_unsigned(api)}"}
        assert api.client.get("/api/v1/inventory", headers=unsigned).status_code == 401
        assert api.client.get("/api/health").status_code == 200
    assert "ARCADIA_JWT_SECRET is not set" in caplog.text


def test_a_short_secret_is_refused_at_start_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arcadia_cloud_pipelines.api.server.open_warehouse", lambda _: 1 / 0)
    short = "s" * (KEY_BYTES - 1)
    settings = load_settings({"ARCADIA_JWT_SECRET": SECRET, "ARCADIA_JWT_SECRET_PREVIOUS": short})
    with pytest.raises(SettingsError, match="63 bytes; HS512 needs 64") as refused:
        run_api(settings)
    assert short not in str(refused.value)


def test_settings_of_the_api(tmp_path: object) -> None:
    settings = load_settings(
        {
            "ARCADIA_JWT_SECRET": SECRET, "ARCADIA_JWT_SECRET_PREVIOUS": OTHER,
            "ARCADIA_JWT_ISSUER": "guardian", "ARCADIA_API_HOST": "::1", "ARCADIA_API_PORT": "80",
        }
    )  # fmt: skip
    assert [secret.reveal() for secret in settings.jwt_secrets] == [SECRET, OTHER]
    assert (settings.jwt_issuer, settings.api_host, settings.api_port) == ("guardian", "::1", 80)
    assert SECRET not in repr(settings)
    assert load_settings({}).api_port == 4005
    for port in ("0", "65536", "x", "9" * 5000):
        with pytest.raises(SettingsError, match="ARCADIA_API_PORT"):
            load_settings({"ARCADIA_API_PORT": port})


def test_no_log_line_holds_a_token(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = api.token(**ADMIN)
    headers = {"Authorization": f"Bearer {token}", "X-Request-ID": token}
    for path in (f"/api/v1/inventory?cursor={token}", f"/{token}", f"/api/v1/inventory/{token}"):
        api.client.get(path, headers=headers)
    mine = [record for record in caplog.records if record.name.startswith("arcadia")]
    assert len(mine) >= 3
    assert not any(token in str(vars(record)) for record in mine)
