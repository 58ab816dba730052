"""What the environment may say, and what never shows."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from arcadia_cloud_pipelines.settings import Purpose, SettingsError, asset_owners, load_settings
from arcadia_cloud_pipelines.settings.secret import Secret

TOKEN = "dop_v1_0f3c9a7e51b2d84466"


def test_an_empty_environment_has_defaults() -> None:
    settings = load_settings({})
    assert settings.api_url == "https://api.digitalocean.com"
    assert settings.project_name == "skyai-internal"
    assert (settings.database_url, settings.dagster_database_url) == (None, None)
    assert settings.home.name == ".arcadia"
    assert settings.tokens == {}


@pytest.mark.parametrize("purpose", Purpose)
def test_each_purpose_has_its_own_token_or_the_general_one(purpose: Purpose) -> None:
    general = load_settings({"DO_API_TOKEN": TOKEN})
    assert general.token(purpose).reveal() == TOKEN
    narrow = load_settings({"DO_API_TOKEN": TOKEN, f"DO_API_TOKEN_{purpose.name}": "narrow"})
    assert narrow.token(purpose).reveal() == "narrow"
    assert {t.reveal() for p, t in narrow.tokens.items() if p is not purpose} == {TOKEN}
    with pytest.raises(SettingsError, match=f"DO_API_TOKEN_{purpose.name}.*make up"):
        load_settings({}).token(purpose)


def test_tokens_from_files(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    settings = load_settings({"DO_API_TOKEN_METERING_FILE": str(file)})
    assert settings.token(Purpose.METERING).reveal() == TOKEN
    assert settings.tokens.keys() == {Purpose.METERING}
    both = load_settings({"DO_API_TOKEN": "direct", "DO_API_TOKEN_FILE": str(file)})
    assert both.token(Purpose.METERING).reveal() == "direct"


FILES = [
    (None, "No such file"),
    (b"  \n", "is empty"),
    (b"\xff\xfe", "not UTF-8"),
    (b"a\0b", "zero bytes"),
    (b"x" * 70_000, "larger than 64 KiB"),
    ("folder", "Is a directory"),
    ("fifo", "not an ordinary file"),
]


def secret_file(folder: Path, content: bytes | str | None) -> Path:
    file = folder / "secret"
    if content == "folder":
        file.mkdir()
    elif content == "fifo":
        os.mkfifo(file)
    elif isinstance(content, bytes):
        file.write_bytes(content)
    return file


@pytest.mark.parametrize(("content", "words"), FILES)
def test_a_file_that_cannot_be_used_is_an_error_of_its_purpose_alone(
    tmp_path: Path, content: bytes | str | None, words: str
) -> None:
    file = secret_file(tmp_path, content)
    environ = {"DO_API_TOKEN": TOKEN, "DO_API_TOKEN_CLOUD_BILLING_FILE": str(file)}
    settings = load_settings(environ)
    assert settings.token(Purpose.METERING).reveal() == TOKEN
    message = rf"DO_API_TOKEN_CLOUD_BILLING_FILE names .*secret.*{words}"
    # Not the general one instead: somebody meant another.
    with pytest.raises(SettingsError, match=message):
        settings.token(Purpose.CLOUD_BILLING)
    with pytest.raises(SettingsError, match=message):
        settings.tokens[Purpose.CLOUD_BILLING].reveal()
    with pytest.raises(SettingsError, match=r"DO_API_TOKEN_FILE names .*secret"):
        load_settings({"DO_API_TOKEN_FILE": str(file)}).token(Purpose.METERING)


@pytest.mark.parametrize(
    "name",
    ["ARCADIA_JWT_SECRET", "ARCADIA_DATABASE_URL", "DAGSTER_POSTGRES_URL", "ARCADIA_NOTIFY_URLS",
     "SPACES_ACCESS_KEY_ID", "SPACES_SECRET_ACCESS_KEY", "DO_API_TOKEN_METERING",
     "ARCADIA_METRICS_TOKEN"],
)  # fmt: skip
def test_any_secret_file_that_is_missing_stops_nothing_else(tmp_path: Path, name: str) -> None:
    missing = str(tmp_path / "missing")
    spaces = {f"{n}_FILE": missing for n in SPACES} if name in SPACES else {}
    settings = load_settings({"DO_API_TOKEN": TOKEN, f"{name}_FILE": missing, **spaces})
    assert settings.token(Purpose.CLOUD_SYNC_FULL).reveal() == TOKEN
    if name.endswith("_URL"):
        url = settings.database_url or settings.dagster_database_url
        assert url is not None, "an unreadable address is not the embedded server's"
        with pytest.raises(SettingsError, match=f"{name}_FILE"):
            url.reveal()
    assert settings.without_unreadable().jwt_secrets == ()
    assert settings.without_unreadable().metrics_token is None
    if name.startswith(("ARCADIA_JWT", "ARCADIA_METRICS")):
        assert [name in problem for problem in settings.unreadable_api_secrets()] == [True]


@pytest.mark.parametrize("token", ["x" * 31, "x" * 32 + " y", "é" * 40])
def test_a_metrics_token_that_could_be_guessed_or_not_be_sent_is_none(token: str) -> None:
    settings = load_settings({"ARCADIA_METRICS_TOKEN": token})
    (problem,) = settings.unreadable_api_secrets()
    assert "ARCADIA_METRICS_TOKEN" in problem
    assert token not in problem
    assert settings.without_unreadable().metrics_token is None
    good = load_settings({"ARCADIA_METRICS_TOKEN": "x" * 32}).without_unreadable().metrics_token
    assert good is not None
    assert good.reveal() == "x" * 32


def test_what_could_not_be_sent_names_the_file_it_stands_in(tmp_path: Path) -> None:
    file = secret_file(tmp_path, b"two words")
    settings = load_settings({"DO_API_TOKEN_METERING_FILE": str(file)})
    with pytest.raises(SettingsError, match=r"DO_API_TOKEN_METERING_FILE: .* white space"):
        settings.token(Purpose.METERING)


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "tökèn", "a\u00a0b"])
def test_tokens_that_could_not_be_sent_are_refused_unseen(token: str) -> None:
    with pytest.raises(SettingsError, match="DO_API_TOKEN holds white space") as caught:
        load_settings({"DO_API_TOKEN": token})
    assert token not in str(caught.value)


def test_blanks_around_are_nobodys_intention() -> None:
    settings = load_settings({"DO_API_TOKEN": f" {TOKEN}\n", "DO_API_URL": " https://x/ "})
    assert settings.token(Purpose.METERING).reveal() == TOKEN
    assert settings.api_url == "https://x"


def test_the_project_rules_are_a_path() -> None:
    assert load_settings({"ARCADIA_PROJECT_RULES": " "}).project_rules is None
    assert load_settings({}).project_rules is None
    for given, meant in (("/etc/r.toml", Path("/etc/r.toml")), ("r.toml", Path.cwd() / "r.toml"),
                         ("~/r.toml", Path.home() / "r.toml")):  # fmt: skip
        assert load_settings({"ARCADIA_PROJECT_RULES": given}).project_rules == meant


@pytest.mark.parametrize(
    ("url", "words"),
    [("api.digitalocean.com", "https://"), ("https://x/v2", "ends in /v2"),
     ("https://x/v2/", "ends in /v2"), (TOKEN, "https://")],
)  # fmt: skip
def test_api_urls_that_cannot_be_used(url: str, words: str) -> None:
    with pytest.raises(SettingsError, match=f"DO_API_URL.*{words}") as caught:
        load_settings({"DO_API_URL": url})
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    ["api.digitalocean.com", "x", "10.0.0.1", "localhost.evil.com", "127.0.0.1.evil.com",
     "localhost.", "134744072", "2130706433", "0x7f.1", "127.1", "0177.0.0.1", "[2001:db8::1]",
     "[::ffff:8.8.8.8]", "0.0.0.0", "LOCALHOST.evil.com", "evil.com:80", "loc\u212alhost",
     "localhost@evil.com", "127.0.0.1:x@evil.com", "u:p@localhost", "localhost\\@evil.com",
     "evil.com#localhost", "evil.com?localhost", "localhost%2eevil.com", "", ":80", "local host"],
)  # fmt: skip
def test_a_token_never_travels_in_clear_text(host: str) -> None:
    for scheme in ("http", "HTTP"):
        with pytest.raises(SettingsError, match="DO_API_URL"):
            load_settings({"DO_API_URL": f"{scheme}://{host}"})


@pytest.mark.parametrize(
    ("url", "meant"),
    [("http://localhost:4010", "http://localhost:4010"), ("HTTP://LOCALHOST/", "http://localhost"),
     ("http://127.0.0.1:1", "http://127.0.0.1:1"), ("http://127.9.9.9", "http://127.9.9.9"),
     ("http://[::1]:80", "http://[::1]:80"), ("https://10.0.0.1/do/", "https://10.0.0.1/do"),
     ("HTTPS://API.example", "https://api.example")],
)  # fmt: skip
def test_api_urls_that_are_fine(url: str, meant: str) -> None:
    assert load_settings({"DO_API_URL": url}).api_url == meant


@pytest.mark.parametrize("url", ["https://u:p@x", "https://x?a", "https://x#a", "https://x\\y"])
def test_api_urls_are_addresses_alone(url: str) -> None:
    with pytest.raises(SettingsError, match="DO_API_URL"):
        load_settings({"DO_API_URL": url})


def test_secrets_show_nowhere() -> None:
    settings = load_settings(
        {"DO_API_TOKEN": TOKEN, "ARCADIA_DATABASE_URL": "postgresql://u:sesame@h/d",
         "DAGSTER_POSTGRES_URL": "postgresql://u:sesame@h/d"}
    )  # fmt: skip
    shown = f"{settings} {settings!r} {settings.tokens} {Secret(TOKEN)}"
    assert TOKEN not in shown
    assert "sesame" not in shown
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(settings.token(Purpose.METERING))


SPACES = {"SPACES_ACCESS_KEY_ID": "DO00KEY", "SPACES_SECRET_ACCESS_KEY": "sesame"}


def test_spaces_has_defaults() -> None:
    spaces = load_settings({}).spaces
    assert spaces.key is None
    assert " ".join(spaces.regions) == "ams3 atl1 blr1 fra1 lon1 nyc3 sfo2 sfo3 sgp1 syd1 tor1"
    assert spaces.endpoint == "https://{region}.digitaloceanspaces.com"
    blank = {"SPACES_REGIONS": " ", "SPACES_ENDPOINT": "", "SPACES_ACCESS_KEY_ID": " "}
    assert load_settings(blank).spaces == spaces


def test_the_key_pair_of_spaces(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("sesame\n")
    from_file = {"SPACES_ACCESS_KEY_ID": "DO00KEY", "SPACES_SECRET_ACCESS_KEY_FILE": str(file)}
    for environ in (SPACES, from_file):
        settings = load_settings(environ)
        assert settings.spaces.key is not None
        assert settings.spaces.key.access_key_id.reveal() == "DO00KEY"
        assert settings.spaces.key.secret_access_key.reveal() == "sesame"
        shown = f"{settings} {settings!r} {settings.spaces.key} {vars(settings.spaces.key)}"
        assert "DO00KEY" not in shown
        assert "sesame" not in shown


@pytest.mark.parametrize("name", SPACES)
def test_half_a_key_pair_is_refused_unseen(name: str) -> None:
    with pytest.raises(SettingsError, match="SPACES_ACCESS_KEY_ID and SPACES_SECRET_ACC") as caught:
        load_settings({name: SPACES[name]})
    assert SPACES[name] not in str(caught.value)
    with pytest.raises(SettingsError, match=f"{name} holds white space"):
        load_settings(SPACES | {name: "two words"})


@pytest.mark.parametrize("text", ["fra1,nyc3", "fra1 nyc3", " fra1 ,\n nyc3,, fra1 "])
def test_the_regions_of_spaces(text: str) -> None:
    assert load_settings({"SPACES_REGIONS": text}).spaces.regions == ("fra1", "nyc3")


@pytest.mark.parametrize(
    "text", [",", "fra1;nyc3", "FRA1", "evil.example/", "fra1.evil", "fra1@x", "fra1:80",
             "f\u0455a1", "{region}", "../x", "dop_v1_0f3c"],
)  # fmt: skip
def test_regions_that_are_none(text: str) -> None:
    with pytest.raises(SettingsError, match="SPACES_REGIONS must be names of regions") as caught:
        load_settings({"SPACES_REGIONS": text})
    assert "dop_v1" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://s3.{region}.example:9000", "http://127.0.0.1:{region}", "http://{region}/"]
)
def test_the_endpoint_of_spaces(url: str) -> None:
    environ = {"SPACES_ENDPOINT": url, "SPACES_REGIONS": "40001"}
    assert load_settings(environ).spaces.endpoint == url.rstrip("/")


@pytest.mark.parametrize(
    "url", ["{region}.example", "https://fra1.example", "ftp://{region}", "https://{region}{region}",
            "https://{0}.example", "https://{region!r}", "https://{region.__class__}.example",
            "https://u:p@{region}.example", "https://{region}.example/path",
            "https://{region}.example?x", "https://x/{region}", TOKEN,
             "https://x:{region}", "https://-{region}.example", "https://{region}..example"],
)  # fmt: skip
def test_endpoints_that_cannot_be_used(url: str) -> None:
    with pytest.raises(SettingsError, match="SPACES_ENDPOINT must be an address") as caught:
        load_settings({"SPACES_ENDPOINT": url})
    assert TOKEN not in str(caught.value)
    assert "u:p" not in str(caught.value)


def test_the_process_environment_is_read_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DO_PROJECT_NAME", "ours")
    monkeypatch.setenv("ARCADIA_HOME", "/tmp/arcadia-home")
    settings = load_settings()
    assert settings.project_name == "ours"
    assert settings.home == Path("/tmp/arcadia-home").resolve()


@pytest.mark.parametrize(
    ("text", "owners"),
    [
        ("", ["team:platform"]),
        ("team:data", ["team:data"]),
        (" team:data, kim@example.com ", ["team:data", "kim@example.com"]),
        ("team:data nobody", ["team:data"]),
        ("<script>", ["team:platform"]),
    ],
)
def test_owners_of_the_assets_never_stop_the_definitions(text: str, owners: list[str]) -> None:
    assert asset_owners({"ARCADIA_OWNERS": text}) == owners


@pytest.mark.parametrize("word", ["nobody", "team:", "@example.com", "kim@", "team:a/b"])
def test_a_wrong_owner_is_named(word: str) -> None:
    with pytest.raises(SettingsError, match="ARCADIA_OWNERS"):
        load_settings({"ARCADIA_OWNERS": f"team:data {word}"})
