"""`arcadia init`: from a token to an environment file that everything reads."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import fasteners
import pytest
from click.testing import CliRunner

from arcadia_cloud_pipelines.cli.main import main
from arcadia_cloud_pipelines.operations import deployment
from arcadia_cloud_pipelines.settings import Purpose, Settings
from arcadia_cloud_pipelines.simulator import RunningSimulator, SimulatedAccount, serve

from ..support.s3 import closed_port
from .conftest import Run


@pytest.fixture(autouse=True)
def _the_usual_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARCADIA_ENV_FILE")


@pytest.fixture
def server() -> Iterator[RunningSimulator]:
    with serve(SimulatedAccount(droplets=3)) as running:
        yield running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "home" / "env"


def token_file(tmp_path: Path, token: str) -> str:
    path = tmp_path / "token"
    path.write_text(f"{token}\n")
    return str(path)


def test_a_token_in_a_file_is_tried_and_written_for_its_owner_alone(
    arcadia: Run, server: RunningSimulator, tmp_path: Path, file: Path
) -> None:
    given = token_file(tmp_path, server.token)
    done = arcadia("init", "--token-file", given, DO_API_URL=server.url)
    assert done.returncode == 0, done.stderr
    assert file.read_text() == f"DO_API_URL={server.url}\nDO_API_TOKEN={server.token}\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert "it may read everything" in done.stdout
    assert "next: `make up`" in done.stdout
    assert server.token not in done.stdout + done.stderr
    doctor = arcadia("doctor")
    assert f"environment file: {file}: DO_API_TOKEN, DO_API_URL" in doctor.stdout
    assert "✓ token: valid" in doctor.stdout
    assert server.token not in doctor.stdout + doctor.stderr


def test_a_token_that_lacks_scopes_is_used_only_when_somebody_agrees(
    arcadia: Run, server: RunningSimulator, tmp_path: Path, file: Path
) -> None:
    narrow = server.account.add_token("narrow", scopes=["account:read", "droplet:read"])
    given = token_file(tmp_path, narrow)
    asked = arcadia("init", "--token-file", given, DO_API_URL=server.url)
    assert asked.returncode == 2
    assert "run it again with --yes to agree" in asked.stderr
    assert "scope block_storage:read" in asked.stdout
    assert not file.exists()
    agreed = arcadia("init", "--yes", "--token-file", given, DO_API_URL=server.url)
    assert agreed.returncode == 0, agreed.stderr
    assert narrow in file.read_text()


def test_a_token_that_is_there_is_replaced_only_when_somebody_agrees(
    arcadia: Run, server: RunningSimulator, tmp_path: Path, file: Path
) -> None:
    file.parent.mkdir()
    before = "# mine\nDO_API_TOKEN=dop_v1_other\nARCADIA_API_PORT=4006\n"
    file.write_text(before)
    file.chmod(0o600)
    given = token_file(tmp_path, server.token)
    asked = arcadia("init", "--token-file", given, DO_API_URL=server.url)
    assert asked.returncode == 2
    assert f"{file} has another token. Replace it?" in asked.stderr
    assert file.read_text() == before
    agreed = arcadia("init", "-y", "--token-file", given, DO_API_URL=server.url)
    assert f"{file} has another token. Replace it? Yes (--yes)." in agreed.stdout
    assert file.read_text().startswith("# mine\nARCADIA_API_PORT=4006\n")
    assert "dop_v1_other" not in file.read_text() + agreed.stdout


def test_the_token_may_come_on_standard_input(
    server: RunningSimulator, tmp_path: Path, file: Path
) -> None:
    done = start(tmp_path, server.url, "--token-file", "-", input=f"{server.token}\n")
    assert done.returncode == 0, done.stderr
    assert server.token in file.read_text()


def start(
    folder: Path, url: str, *arguments: str, input: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "arcadia_cloud_pipelines.cli.main", "init", *arguments],
        env={**os.environ, "ARCADIA_HOME": str(folder / "home"), "DO_API_URL": url},
        input=input or "", capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip


def test_without_a_terminal_it_says_how_to_give_the_token(tmp_path: Path) -> None:
    done = start(tmp_path, "http://127.0.0.1:1")
    assert done.returncode == 2
    assert "give it with --token-file FILE" in done.stderr


def test_the_prompt_does_not_show_the_token(
    server: RunningSimulator, tmp_path: Path, file: Path
) -> None:
    master, terminal = pty.openpty()
    program = subprocess.Popen(
        [sys.executable, "-m", "arcadia_cloud_pipelines.cli.main", "init", "--no-start"],
        env={**os.environ, "ARCADIA_HOME": str(file.parent), "DO_API_URL": server.url},
        stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
    )  # fmt: skip
    os.close(terminal)
    shown = b""
    while b"it is not shown" not in shown:
        shown += os.read(master, 1024)
    os.write(master, f"{server.token}\n".encode())
    while True:
        try:
            more = os.read(master, 1024)
        except OSError:  # the other end is closed
            break
        shown += more
    assert program.wait(60) == 0, shown
    os.close(master)
    assert server.token not in shown.decode()
    assert server.token in file.read_text()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://10.1.2.3:4010", "would send the token in clear text to 10.1.2.3: use https://"),
        ("https://user@api.example", "DO_API_URL must start with https://"),
        ("closed", "got no answer: the connection was refused"),
    ],
)
def test_an_address_that_cannot_be_used_is_one_sentence(
    arcadia: Run, tmp_path: Path, file: Path, url: str, says: str
) -> None:
    url = f"http://127.0.0.1:{closed_port()}" if url == "closed" else url
    given = token_file(tmp_path, "dop_v1_hunter2")
    done = arcadia("init", "--token-file", given, DO_API_URL=url)
    assert done.returncode == 1
    assert says in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    assert not file.exists()


def test_a_token_that_is_refused_is_one_sentence(
    arcadia: Run, server: RunningSimulator, tmp_path: Path, file: Path
) -> None:
    given = token_file(tmp_path, "dop_v1_hunter2")
    done = arcadia("init", "--token-file", given, DO_API_URL=server.url)
    assert done.returncode == 1
    assert "answered 401" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "hunter2" not in done.stdout + done.stderr
    assert not file.exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "is empty"), (b"dop_v1_a b", "holds white space"), (b"\xff\xfe", "not UTF-8 text"),
     (b"x" * 70_000, "larger than 64 KiB"), ("dop_v1_ä".encode(), "letters outside ASCII")],
)  # fmt: skip
def test_what_cannot_be_a_token_is_not_sent(
    arcadia: Run, tmp_path: Path, content: bytes, says: str
) -> None:
    (tmp_path / "token").write_bytes(content)
    done = arcadia("init", "--token-file", str(tmp_path / "token"), DO_API_URL="http://127.0.0.1:1")
    assert done.returncode == 1
    assert says in done.stderr


def test_a_token_file_that_is_not_there_is_one_sentence(arcadia: Run) -> None:
    done = arcadia("init", "--token-file", "/nowhere/token")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: The token file /nowhere/token cannot be read (No such")


def test_a_variable_that_comes_before_the_file_is_named(
    arcadia: Run, server: RunningSimulator, tmp_path: Path, file: Path
) -> None:
    given = token_file(tmp_path, server.token)
    done = arcadia(
        "init", "--token-file", given, DO_API_URL=server.url, DO_API_TOKEN="dop_v1_hunter2"
    )
    assert done.returncode == 0, done.stderr
    assert "DO_API_TOKEN is set in this shell and comes before the file: unset it" in done.stdout
    assert "hunter2" not in done.stdout + file.read_text()


def test_it_can_be_run_again_where_the_file_is_for_another_address(
    arcadia: Run, server: RunningSimulator, tmp_path: Path, file: Path
) -> None:
    file.parent.mkdir()
    file.write_text("DO_API_TOKEN=dop_v1_other\n")
    file.chmod(0o600)
    refused = arcadia("doctor", DO_API_URL=server.url)
    assert "DO_API_TOKEN in" in refused.stderr
    given = token_file(tmp_path, server.token)
    again = arcadia("init", "-y", "--token-file", given, DO_API_URL=server.url)
    assert again.returncode == 0, again.stderr
    assert arcadia("doctor", DO_API_URL=server.url).returncode == 0


def test_it_starts_the_deployment_with_the_token_that_it_wrote(
    server: RunningSimulator, tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Settings] = []
    monkeypatch.setattr(deployment, "up", lambda settings, *, say: started.append(settings))
    monkeypatch.setenv("ARCADIA_HOME", str(file.parent))
    monkeypatch.setenv("DO_API_URL", server.url)
    given = token_file(tmp_path, server.token)
    asked = CliRunner().invoke(main, ["init", "--token-file", given])
    assert (asked.exit_code, started) == (0, []), asked.output
    done = CliRunner().invoke(main, ["init", "--yes", "--start", "--token-file", given])
    assert done.exit_code == 0, done.output
    assert [one.token(Purpose.METERING).reveal() for one in started] == [server.token]
    assert server.token not in done.output


def test_a_deployment_that_runs_is_to_be_started_again(
    arcadia: Run, server: RunningSimulator, tmp_path: Path, file: Path
) -> None:
    file.parent.mkdir(mode=0o700)
    lock = fasteners.InterProcessLock(str(file.parent / "up.lock"))
    assert lock.acquire(blocking=False)
    given = token_file(tmp_path, server.token)
    done = arcadia("init", "--start", "--token-file", given, DO_API_URL=server.url)
    lock.release()
    assert done.returncode == 0, done.stderr
    assert "`arcadia up` is running: stop it and start it again" in done.stdout
