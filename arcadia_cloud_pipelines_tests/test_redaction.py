"""Credentials are told by their shape wherever they stand; what only looks like one stays."""

from __future__ import annotations

import base64
import json
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arcadia_cloud_pipelines.common.redaction import MASK, holds_secret, masked, names_secret
from arcadia_cloud_pipelines.inventory.sightings import sightings
from arcadia_cloud_pipelines.kinds import KIND_BY_NAME

WORD = string.ascii_letters + string.digits
CLUSTER = KIND_BY_NAME["kubernetes_cluster"]


def letters(least: int, most: int | None = None, of: str = WORD) -> st.SearchStrategy[str]:
    return st.text(of, min_size=least, max_size=most or least)


def after(prefix: str, least: int, most: int | None = None, of: str = WORD) -> Any:
    return letters(least, most, of).map(lambda rest: prefix + rest)


HEX = "0123456789abcdef"
URLSAFE = WORD + "-_"
tokens = st.one_of(
    after("AVNS_", 16, 24), after("dop_v1_", 64, of=HEX), after("doo_v1_", 64, of=HEX),
    *(after(f"{kind}_{mode}_", 24, 99) for kind in ("sk", "rk") for mode in ("live", "test")),
    after("whsec_", 32), after("AIza", 35, of=URLSAFE), after("ya29.", 40, 90, of=URLSAFE),
    after("GOCSPX-", 28, of=URLSAFE), after("npm_", 36), after("pypi-AgEIcHlwaS5vcmc", 60, 90),
    after("pypi-", 60, 90, of=URLSAFE), after("dckr_pat_", 27, of=URLSAFE),
    after("dckr_oat_", 32), after("hvs.", 24, 95, of=URLSAFE), after("hvb.", 90, of=URLSAFE),
    st.builds("SG.{}.{}".format, letters(22, of=URLSAFE), letters(43, of=URLSAFE)),
    after("ghp_", 36), after("gho_", 36), after("ghs_", 36), after("github_pat_", 82),
    after("glpat-", 20, of=URLSAFE), after("gldt-", 20, of=URLSAFE), after("xapp-1-A0-", 30),
    st.builds("xoxb-{}-{}".format, letters(12, of=string.digits), letters(24)),
    after("AKIA", 16, of=string.ascii_uppercase + string.digits), after("hf_", 34),
    after("sk-", 48), after("sk-proj-", 48, of=WORD), after("sk-ant-api03-", 60, of=URLSAFE),
    after("AGE-SECRET-KEY-1", 58, of="QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"),
    after("glsa_", 32), after("tskey-auth-", 30), after("dapi", 32, of=HEX),
    after("lin_api_", 40), after("shpat_", 32, of=HEX), after("ATATT3", 60),
    st.builds("eyJ{}.eyJ{}.{}".format, letters(20), letters(30), letters(43, of=URLSAFE)),
    st.builds("{}:AA{}".format, letters(10, of="123456789"), letters(33, of=URLSAFE)),
    st.builds("-----BEGIN {}PRIVATE KEY-----\n{}".format,
              st.sampled_from(["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED ", "DSA "]), letters(40)),
    st.builds("-----BEGIN PGP PRIVATE KEY BLOCK-----\n{}".format, letters(40)),
)  # fmt: skip
plain = letters(1, 20, of=WORD + "!#$%*+.-_")
addresses = st.one_of(
    st.builds("{}://{}:{}@db.example.com:25060/x".format,
              st.sampled_from(["postgres", "postgresql", "mysql", "rediss", "mongodb+srv", "amqp",
                               "https", "smtp", "kafka"]),
              letters(0, 8), letters(8, 20, of=WORD + "!$*+.-_/@").map(lambda s: s + "x")),
    after("https://hooks.slack.com/services/T00000000/B00000000/", 24),
    after("https://discord.com/api/webhooks/123456789012345678/", 68, of=URLSAFE),
    after("https://discordapp.com/api/webhooks/1/", 68, of=URLSAFE),
    after("https://acme.webhook.office.com/webhookb2/", 60), after("tgram://123456789:", 35),
    after("discord://123456789012345678/", 40), after("slack://T1JJ3T3L2/A1BRTD4JD/", 24),
    after("https://api.telegram.org/bot123456:", 35), after("pover://", 30),
    after("https://chat.googleapis.com/v1/spaces/AAAA/messages?key=", 39, of=URLSAFE),
    after("https://x.logic.azure.com/workflows/1?sv=1.0&sig=", 43, of=URLSAFE),
    after("https://x.blob.core.windows.net/y?sv=2022&sig=", 43, of=URLSAFE),
    after("DefaultEndpointsProtocol=https;AccountName=x;AccountKey=", 86),
    after("https://s3.example.com/x?X-Amz-Signature=", 64, of=HEX),
)  # fmt: skip
NAMES = (
    "password", "PASSWORD", "DB_PASS", "DB_PASSWORD", "MYSQL_PWD", "PGPASSWORD", "pass", "passwd",
    "passphrase", "secret", "client_secret", "clientSecret", "accessToken", "auth_token",
    "authToken", "API_KEY", "api-key", "apikey", "AWS_SECRET_ACCESS_KEY", "secret_key_base",
    "private_key", "dbPass", "otp", "SECRET", "refresh_token", "ssh.password",
)  # fmt: skip
FORMS = (
    "{}={}", "{}: {}", "{} = {}", "{}:{}", '"{}":"{}"', '{{"{}":"{}"}}', '{{"{}": "{}"}}',
    "'{}': '{}'", '{{\\"{}\\":\\"{}\\"}}', "export {}={}", "https://host/x?{}={}", "--{}={}",
    "a=1&{}={}", '{} = "{}"',
)  # fmt: skip
pairs = st.builds(
    lambda name, form, value: (form.format(name, value), value),
    st.sampled_from(NAMES), st.sampled_from(FORMS),
    plain.filter(lambda v: v.lower() not in {"none", "null", "true", "false"} and "*" not in v),
)  # fmt: skip
basic = st.builds(
    lambda user, word, password: (
        f"{word} " + base64.b64encode(f"{user}:{password}".encode()).decode()
    ),
    letters(1, 8), st.sampled_from(["Basic", "basic", "BASIC"]), letters(4, 20),
)  # fmt: skip
surroundings = st.sampled_from(["", " ", "see ", '"', "(", "=", "x=", "\n", "/", "日本", "a,", "<"])


@settings(max_examples=400)
@given(secret=tokens | addresses | basic, before=surroundings, behind=st.sampled_from(
    ["", " ", '"', ")", "\n", ", and more", "日本", ">"]
))  # fmt: skip
def test_no_shape_survives_wherever_it_stands(secret: str, before: str, behind: str) -> None:
    text = f"{before}{secret}{behind}"
    assert holds_secret(text)
    left = masked(text)
    assert secret not in left
    # Not the half of it either.
    assert secret[-12:] not in left
    object_ = {"id": "x", "name": text, "tags": [text], "a": {"b": [{"c": text}]}, text: "x"}
    assert secret[-12:] not in repr(sightings(CLUSTER, [object_]))


@settings(max_examples=300)
@given(pair=pairs, before=st.sampled_from(["", "see ", "\n", "{", "x=1;"]))
def test_no_pair_survives(pair: tuple[str, str], before: str) -> None:
    text, value = pair
    assert holds_secret(before + text)
    left = masked(before + text)
    assert MASK in left
    assert left.count(value) < (before + text).count(value)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("password: x", "***"), ('{"password":"x"}', '{"***"}'), ("DB_PASS=x", "DB_***"),
        ("Authorization: Basic dXNlcjpwYXNz", "***"), ("basic dXNlcjpwYXNz", "***"),
        ("Cookie: a=b; session=c", "***"), ("Set-Cookie: x=y", "***"),
        ('{"password": "a b, c"}', '{"***"}'), ("login --password hunter2 -v", "login *** -v"),
        ("it is hunter2 (token: abc)", "it is hunter2 (***"),
        ("postgres://u:p@ss/w@host/db", "postgres***host/db"),
    ],
)  # fmt: skip
def test_what_is_left_of_a_message(text: str, left: str) -> None:
    assert masked(text) == left


ORDINARY = [
    "Basic subscription", "basic-xxs", "Basic Droplets", "basic YXV0aG9yaXphdGlvbg",
    "compass: north", "bypass=1", "passthrough: yes", "tls_passthrough", "secretary: Bob",
    "tokens are in the vault", "tokenizer: bert", "the password is required", "password: required",
    '{"password":null}', "password: ***", "the key: value store", "monkey: banana", "env:prod",
    "k8s:bd5f5959-5e1e-4205-a714-a914373942af", "do:droplet:3164444", "role:auth", "team:keys",
    "sha256:4d3f4d8fbb1fbf4ddd7b3e7bd5e5b7a0b5b0a4cb2d2c5e56ac3d8d1dd5ce9d87",
    "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8", "s-1vcpu-1gb", "gpu-h100x1-80gb",
    "3b:16:e4:bf:8b:00:8b:b8:59:8c:a9:d3:f0:19:fa:45", "2604:a880:0:1010::18a:a001",
    "0123456789abcdef0123456789abcdef01234567", "task-0123456789abcdef0123456789abcdef",
    "registry.digitalocean.com/acme/api@sha256:4d3f4d8fbb1fbf4ddd7b3e7bd5e5b7a0b5b0a4cb2d2c5e56",
    "https://host:8080/a@b", "https://cloud.digitalocean.com/droplets/3164444?i=abc",
    "db-postgresql-nyc3-12345-do-user-1234567-0.b.db.ondigitalocean.com", "ubuntu-20-04-x64",
    "git@github.com:acme/api.git", "ssh://git@github.com/acme/api", "VGhpcyBpcyBhIG5hbWU=",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ", "disk-us-east-1-backup-of-the-month",
    "pypi-mirror-production", "npm_registry", "key-value-store-of-the-customers", "SG.Singapore",
    "-----BEGIN CERTIFICATE-----", "-----BEGIN PUBLIC KEY-----", "s3://bucket/key",
    "https://api.slack.com/docs", "hooks: none", "join us", "teams", "2026-05-04T12:00:00Z",
    "arn:aws:s3:::bucket", "10.0.0.0/16", "v=spf1 include:_spf.example.com ~all", "key=value",
    "passion: music", "otpion=1", "Password reset", "design: flat", "sign in", "author: Kim",
    "authority: example.com", "cookie_name", "DO-LB", "max_tokens", "a/b/c:1.2.3",
]  # fmt: skip


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_texts_stay(text: str) -> None:
    assert not holds_secret(text)
    assert holds_secret(text) is holds_secret(text), "asked again"


slugs = st.lists(letters(1, 9, of=string.ascii_lowercase + string.digits), min_size=1, max_size=6)


@settings(max_examples=300)
@given(
    text=st.one_of(
        st.uuids().map(str), st.uuids().map(lambda u: u.hex), letters(40, of=HEX),
        letters(64, of=HEX), st.binary(min_size=16, max_size=16).map(lambda b: b.hex(":")),
        st.binary(min_size=32, max_size=32).map(
            lambda b: "SHA256:" + base64.b64encode(b).decode().rstrip("=")
        ),
        letters(64, of=HEX).map("sha256:".__add__), slugs.map("-".join), slugs.map("_".join),
        slugs.map(".".join), st.integers(1, 10**12).map(str),
        st.ip_addresses().map(str), st.datetimes().map(lambda d: d.isoformat() + "Z"),
        st.uuids().map("do:kubernetes:{}".format), st.uuids().map("k8s:{}".format),
    )
)  # fmt: skip
def test_ids_digests_and_names_stay(text: str) -> None:
    assert not holds_secret(text)


@pytest.mark.parametrize(
    "name",
    [
        "pass", "db_pass", "dbPass", "DB_PASS", "password", "adminPassword", "passwd",
        "accessToken", "access_token", "authToken", "auth-token", "AuthToken", "refreshToken",
        "tokens", "id_token",
        "cookie", "cookies", "Set-Cookie", "session_cookie", "otp", "OTP", "userOtp", "totp",
        "apiKey", "APIKey", "x-api-key", "apiKeys", "privateKey", "private-keys", "PRIVATE_KEY_PEM",
        "clientSecret", "client.secret", "secretKeyBase", "secrets", "encryptionKey", "masterKey",
        "signing-key", "connectionString", "credentials", "jwt", "pwd", "MYSQL_PWD", "passphrase",
        "password1", "token_2", "accesstoken", "storageAccountKey", "webhookUrl", "kubeconfig",
        "sessionId", "auth", "Authorization", "bearerToken", "dsn", "databaseUri",
    ],
)  # fmt: skip
def test_a_field_with_the_name_of_a_credential_is_left_out(name: str) -> None:
    assert names_secret(name)
    seen = repr(sightings(CLUSTER, [{"id": "x", "deep": [{name: "canary"}]}]))
    assert "canary" not in seen
    for label in ("name", "key"):
        listed = {"id": "x", "deep": [{label: name, "value": "canary"}]}
        assert "canary" not in repr(sightings(CLUSTER, [listed]))


@pytest.mark.parametrize(
    "name",
    [
        "cookie_name", "cookie_ttl_seconds", "tls_passthrough", "passthrough", "compass", "bypass",
        "tokenizer", "keys_count", "ssh_keys", "key", "monkey", "author", "authority", "option",
        "primary_key_field", "fingerprint", "public_key_fingerprint", "name", "region", "keyboard",
        "password_less"[:4] + "enger_count",
    ],
)  # fmt: skip
def test_a_field_with_an_ordinary_name_stays(name: str) -> None:
    assert not names_secret(name)


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(
    st.text(), inner
), max_leaves=8))  # fmt: skip
def test_anything_can_be_asked(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assert masked(text) == masked(text)
    holds_secret(text)
    names_secret(text)


def test_patterns_take_no_time_on_long_texts() -> None:
    for part in (
        "a", "password", "password ", "password:", "://a:", "://", "a@", "token=\"", "basic ",
        "-----BEGIN ", "eyJ", "Bearer ", "s.", "AKIA", "\\\"", "pass=\\\"\\", "--pass ", ":AA1",
        "1234567890", "hvs.", "DO00", "[", "token=[", "discord://",
    ):  # fmt: skip
        masked(part * (64_000 // len(part)))
