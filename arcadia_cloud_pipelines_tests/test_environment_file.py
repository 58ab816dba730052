"""The environment file: which of its variables count, who may read it, what a wrong line says."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcadia_cloud_pipelines.settings import Purpose, environment_file, load_settings
from arcadia_cloud_pipelines.settings.environment_file import SettingsError, read, with_file, write


@pytest.fixture(autouse=True)
def _the_usual_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARCADIA_ENV_FILE")


def private(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_settings_come_from_the_file_where_the_process_does_not_set_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private(tmp_path / "env", "# mine\nDO_API_TOKEN='of the file'\nexport DO_PROJECT_NAME=theirs\n")
    monkeypatch.setenv("ARCADIA_HOME", str(tmp_path))
    monkeypatch.setenv("DO_PROJECT_NAME", "of the process")
    with pytest.raises(SettingsError, match="DO_API_TOKEN holds white space"):
        load_settings()
    private(tmp_path / "env", "DO_API_TOKEN=of-the-file\nDO_PROJECT_NAME=theirs\n")
    settings = load_settings()
    assert settings.token(Purpose.METERING).reveal() == "of-the-file"
    assert settings.project_name == "of the process"
    assert settings.environment_file == tmp_path / "env"
    monkeypatch.setenv("ARCADIA_ENV_FILE", "")
    assert load_settings().tokens == {}


def test_variables_handed_in_are_all_there_are(tmp_path: Path) -> None:
    private(tmp_path / "env", "DO_API_TOKEN=of-the-file\n")
    assert load_settings({"ARCADIA_HOME": str(tmp_path)}).tokens == {}


@pytest.mark.parametrize(
    ("process", "token", "address"),
    [
        ({}, "file", "https://one.example"),
        ({"DO_API_URL": "https://one.example/"}, "file", "https://one.example"),
        # A token goes to the address that was set beside it, never to the other one's.
        ({"DO_API_TOKEN": "mine"}, "mine", "https://api.digitalocean.com"),
        ({"DO_API_TOKEN_METERING": "mine"}, "mine", "https://api.digitalocean.com"),
        ({"DO_API_TOKEN": "", "DO_API_URL": "https://two.example"}, None, "https://two.example"),
    ],
)
def test_a_token_and_its_address_come_from_one_place(
    tmp_path: Path, process: dict[str, str], token: str | None, address: str
) -> None:
    private(tmp_path / "env", "DO_API_TOKEN=file\nDO_API_URL=https://one.example\n")
    settings = load_settings(with_file({"ARCADIA_HOME": str(tmp_path), **process}))
    found = settings.tokens.get(Purpose.METERING)
    assert (found and found.reveal()) == token
    assert settings.api_url == address


@pytest.mark.parametrize(
    ("line", "variable"),
    [
        ("DO_API_TOKEN=hunter2", "DO_API_URL"),
        ("DO_API_TOKEN_FILE=/run/x", "DO_API_URL"),
        ("SPACES_SECRET_ACCESS_KEY=hunter2", "SPACES_ENDPOINT"),
    ],
)
def test_a_secret_of_the_file_is_not_sent_to_an_address_of_the_process(
    tmp_path: Path, line: str, variable: str
) -> None:
    private(tmp_path / "env", f"{line}\n")
    environ = {"ARCADIA_HOME": str(tmp_path), variable: "http://127.0.0.1:4010"}
    with pytest.raises(SettingsError, match=f"unset {variable}") as error:
        with_file(environ)
    assert "hunter2" not in str(error.value)


def test_a_file_of_a_secret_in_the_process_counts_before_the_secret_in_the_file(
    tmp_path: Path,
) -> None:
    private(tmp_path / "env", "ARCADIA_DATABASE_URL=postgresql://one\n")
    environ = {"ARCADIA_HOME": str(tmp_path), "ARCADIA_DATABASE_URL_FILE": "/run/two"}
    assert with_file(environ) == environ


@pytest.mark.parametrize(
    "line",
    [
        "hunter2", "hunter2=x", "DO_API_TOKEN = hunter2", "DO_API_TOKEN='hunter2",
        "PATH=/hunter2", "ARCADIA_HOME=/hunter2", "ARCADIA_ENV_FILE=hunter2",
        "do_api_token=hunter2",
    ],
)  # fmt: skip
def test_a_wrong_line_is_named_by_its_number_and_not_shown(tmp_path: Path, line: str) -> None:
    file = private(tmp_path / "env", f"DO_PROJECT_NAME=x\n{line}\n")
    with pytest.raises(SettingsError, match="line 2: ") as error:
        read(file)
    assert "hunter2" not in str(error.value)


def test_a_variable_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="line 2: DO_API_TOKEN is there twice"):
        read(private(tmp_path / "env", "DO_API_TOKEN=a\nDO_API_TOKEN=b\n"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_file_that_others_may_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    file = private(tmp_path / "env", "DO_API_TOKEN=x\n")
    file.chmod(mode)
    with pytest.raises(SettingsError, match="chmod 600"):
        read(file)


def test_what_is_not_a_file_never_blocks(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "env", 0o600)
    with pytest.raises(SettingsError, match="not an ordinary file"):
        read(tmp_path / "env")


def test_a_named_file_that_is_not_there_is_an_error_and_the_usual_one_is_not(
    tmp_path: Path,
) -> None:
    assert with_file({"ARCADIA_HOME": str(tmp_path)}) == {"ARCADIA_HOME": str(tmp_path)}
    with pytest.raises(SettingsError, match="which does not exist"):
        with_file({"ARCADIA_ENV_FILE": str(tmp_path / "none")})


def test_writing_keeps_every_other_line(tmp_path: Path) -> None:
    file = private(
        tmp_path / "env", "# why\nDO_API_TOKEN=old\nARCADIA_API_PORT=1\nDO_API_TOKEN_FILE=/x"
    )
    write(file, {"DO_API_TOKEN": "new one"}, without=("DO_API_TOKEN_FILE",))
    assert file.read_text() == "# why\nARCADIA_API_PORT=1\nDO_API_TOKEN='new one'\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = private(tmp_path / "env", "DO_API_TOKEN=old\n")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(environment_file.os, "fsync", full)
    with pytest.raises(SettingsError, match=r"No space left on device.*nothing was changed"):
        write(file, {"DO_API_TOKEN": "new"})
    assert file.read_text() == "DO_API_TOKEN=old\n"
    assert list(tmp_path.iterdir()) == [file]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1))
def test_what_was_written_is_read_back(tmp_path: Path, value: str) -> None:
    file = tmp_path / "env"
    write(file, {"ARCADIA_JWT_ISSUER": value})
    assert read(file) == {"ARCADIA_JWT_ISSUER": value}
