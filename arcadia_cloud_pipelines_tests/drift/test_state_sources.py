"""The places of Terraform states: the reviewed file, addresses in a variable, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcadia_cloud_pipelines.drift.state_entries import CommandSource, HttpSource, S3Source
from arcadia_cloud_pipelines.drift.state_sources import (
    configured_sources,
    load_sources,
    read_sources,
    unset,
)
from arcadia_cloud_pipelines.settings import load_settings

CANARY = "CANARY-5f3a-password-0123456789"

S3 = """
[[source]]
name = "network"
type = "s3"
bucket = "acme-states"
key = "network/terraform.tfstate"
region = "fra1"
"""
PAIR = """
access_key_id_env = "STATES_ACCESS_KEY_ID"
secret_access_key_env = "STATES_SECRET_ACCESS_KEY"
"""
HTTP = """
[[source]]
name = "shop"
type = "http"
url = "https://gitlab.example.com/api/v4/projects/7/terraform/state/shop"
"""
COMMAND = """
[[source]]
name = "platform"
type = "command"
argv = ["tofu", "state", "pull"]
directory = "/srv/infra"
"""


def problems(text: str) -> list[str]:
    """What is said of a file."""
    return [problem for _, problem in load_sources(text, "states.toml")[1]]


def test_the_three_types(tmp_path: Path) -> None:
    path = tmp_path / "states.toml"
    path.write_text("\ufeff" + S3 + PAIR + HTTP + COMMAND, encoding="utf-8")
    found, wrong = read_sources(path)
    assert wrong == []
    assert [type(source) for source in found] == [S3Source, HttpSource, CommandSource]
    assert [source.shown for source in found] == [
        "network: s3://acme-states/network/terraform.tfstate",
        "shop: https://gitlab.example.com/api/v4/projects/7/terraform/state/shop",
        "platform: command:tofu state pull in /srv/infra",
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (S3 + 'colour = "red"', "colour is not a key of this type"),
        (S3.replace('"s3"', '"gcs"'), "type must be s3, http or command"),
        (S3.replace('type = "s3"', ""), "type is missing"),
        (S3.replace('name = "network"', ""), "name is missing"),
        (S3.replace('"network"', '"a\\nb"'), "name must be"),
        (S3.replace('"acme-states"', '"../x"'), "bucket must be the name of a bucket"),
        (S3.replace('"acme-states"', '"evil.example/x"'), "bucket must be"),
        (S3.replace('"fra1"', '"fra1.evil.example"'), "region must be"),
        (S3.replace('"network/terraform.tfstate"', '""'), "key must be"),
        (S3.replace('"network/terraform.tfstate"', "7"), "key must be a text"),
        (S3 + 'access_key_id_env = "STATES_ACCESS_KEY_ID"', "go together"),
        (S3 + 'endpoint = "https://minio.example.com"', "endpoint needs"),
        (S3 + PAIR + 'endpoint = "https://minio.example.com/x"', "without a path"),
        (S3 + PAIR + 'endpoint = "http://minio.example.com"', "is clear text"),
        (S3 + PAIR + 'endpoint = "http://minio.example.com"\nallow_http = true', "in clear text"),
        (S3 + PAIR.replace("STATES_", "SPACES_") + 'endpoint = "https://minio.example.com"',
         "SPACES_ENDPOINT alone"),
        (S3 + PAIR.replace("STATES_ACCESS_KEY_ID", "DO_API_TOKEN"), "for this deployment alone"),
        (HTTP.replace("https://", f"https://u:{CANARY}@"), "credential"),
        (HTTP.replace("https://", "https://user@"), "without a user"),
        (HTTP.replace("state/shop", f"state?token={CANARY}"), "credential"),
        (HTTP.replace("state/shop", "state?id=7"), "without a query"),
        (HTTP.replace("state/shop", "state#x"), "without a query"),
        (HTTP.replace("https://gitlab.example.com/", "https://a\\\\@b/"), "url"),
        (HTTP.replace("https://gitlab.example.com/", "https://[::1/"), "url"),
        (HTTP.replace("https://", "file:///"), "url must be https://"),
        (HTTP.replace("https://", "http://"), "allow_http = true"),
        (HTTP.replace("https://", "http://") + 'allow_http = true\ntoken_env = "A_TOKEN"',
         "in clear text to gitlab.example.com"),
        (HTTP + 'username = "u"', "go together"),
        (HTTP + 'username = "u:v"\npassword_env = "A_PASSWORD"', "colon"),
        (HTTP + 'username = "u"\npassword_env = "A_PASSWORD"\ntoken_env = "A_TOKEN"', "not both"),
        (HTTP + 'token_env = "GITLAB"', "must have TOKEN"),
        (HTTP + f'token_env = "{CANARY}"', "the name of a variable, not its value"),
        (HTTP + 'token_env = "ARCADIA_JWT_SECRET"', "for this deployment alone"),
        (HTTP + f'token = "{CANARY}"', "is not a key"),
        (COMMAND.replace('["tofu", "state", "pull"]', '"tofu state pull"'), "must be a list"),
        (COMMAND.replace('["tofu", "state", "pull"]', "[]"), "argv"),
        (COMMAND.replace('"pull"', f'"-var=password={CANARY}"'), "credential"),
        (COMMAND.replace("/srv/infra", "infra"), "absolute"),
        (COMMAND + "timeout_seconds = 0", "timeout_seconds"),
        (COMMAND + "timeout_seconds = true", "timeout_seconds"),
        (COMMAND + 'environment = ["DO_API_TOKEN_PROVISIONING"]', "for this deployment alone"),
        (COMMAND + 'environment = ["A=b"]', "the name of a variable"),
        ("source = [7]", "must be a table"),
        ("", "has no [[source]] table"),
        ("sources = []", "has no [[source]] table"),
        ("source = []\nversion = 1", "must hold [[source]] tables alone"),
        ("source = 7", "has no [[source]] table"),
        ("[[source", "is not valid TOML"),
        (S3 + S3, "the name network is there twice"),
    ],
)  # fmt: skip
def test_an_entry_that_is_wrong_is_named_and_never_shown(text: str, reason: str) -> None:
    [problem] = problems(text)
    assert reason in problem
    assert problem.startswith("states.toml")
    assert CANARY not in problem


def test_an_entry_that_is_wrong_costs_itself_alone() -> None:
    found, wrong = load_sources(S3 + HTTP.replace("https", "ftp") + COMMAND, "states.toml")
    assert [source.name for source in found] == ["network", "platform"]
    assert [place for place, _ in wrong] == ["states.toml, source 2 (shop)"]


def test_no_sources_at_all_are_said_on_purpose() -> None:
    assert load_sources("source = []", "states.toml") == ([], [])


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * 1_000_001, None])
def test_a_file_that_cannot_be_read_is_one_problem(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "states.toml"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    found, wrong = read_sources(path)
    assert (found, len(wrong)) == ([], 1)
    [(_, problem)] = read_sources(tmp_path / "none")[1]
    assert problem.endswith("none is not a file: set ARCADIA_STATE_SOURCES to the path of one.")


@given(
    st.dictionaries(
        st.sampled_from(["name", "type", "bucket", "key", "url", "argv", "region", "x", "env"]),
        st.one_of(st.text(), st.integers(), st.booleans(), st.lists(st.text(), max_size=3)),
    )
)
def test_whatever_an_entry_holds_it_is_a_source_or_a_sentence(entry: dict[str, Any]) -> None:
    import arcadia_cloud_pipelines.drift.state_sources as module

    try:
        module._checked_entry(entry)
    except ValueError as error:
        said = module._first(error)
        assert said
        assert "\n" not in said


# -- ARCADIA_TERRAFORM_STATES ---------------------------------------------------------------------


def configured(states: str, **more: str) -> Any:
    return configured_sources(load_settings({"ARCADIA_TERRAFORM_STATES": states, **more}))


def test_addresses_stand_among_paths() -> None:
    where = configured(
        "/a/*.tfstate:s3://acme-states/a/b.tfstate?region=fra1:https://h.example:8443/state"
        ":command:tofu -chdir=/srv/a state pull: b "
    )
    assert where.problems == ()
    assert where.paths == ("/a/*.tfstate", "b")
    assert [source.shown for source in where.sources][:2] == [
        "s3://acme-states/a/b.tfstate", "https://h.example:8443/state",
    ]  # fmt: skip
    assert where.sources[2].argv == ("tofu", "-chdir=/srv/a", "state", "pull")


def test_the_region_of_a_bucket_is_the_only_one_that_is_set() -> None:
    assert configured("s3://bkt/k", SPACES_REGIONS="ams3").sources[0].region == "ams3"
    [(_, problem)] = configured("s3://bkt/k").problems
    assert "s3://BUCKET/KEY?region=fra1" in problem


@pytest.mark.parametrize(
    "states",
    [
        f"https://u:{CANARY}@h/s", f"https://{CANARY}@h/s", f"http://h/{CANARY}",
        f"https://u:p/{CANARY}@h/s", f"s3://a:{CANARY}@b/k", f"s3://bkt/k?secret={CANARY}",
        f"https://h/s?token={CANARY}", f"command:tofu 'x {CANARY}",
        f"command:tofu --password={CANARY}", "command:", "s3://", "https://",
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_used_is_not_shown(states: str) -> None:
    where = configured(states)
    assert (where.sources, len(where.problems)) == ((), 1)
    assert where.paths == ()
    assert CANARY not in str(where)


def test_a_secret_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    [[source], _] = load_sources(HTTP + 'token_env = "STATES_TOKEN"', "states.toml")
    assert "STATES_TOKEN is not set" in str(unset(source))
    monkeypatch.setenv("STATES_TOKEN_FILE", str(tmp_path / "none"))
    assert "STATES_TOKEN_FILE names" in str(unset(source))
    (tmp_path / "none").write_text(CANARY)
    assert unset(source) is None
