"""Nobody but its owner gets into the embedded server, wherever its folder lies."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from arcadia_cloud_pipelines.warehouse.embedded import EmbeddedPostgres
from arcadia_cloud_pipelines.warehouse.embedded_programs import EmbeddedPostgresError
from arcadia_cloud_pipelines.warehouse.embedded_server import ServerFolder
from arcadia_cloud_pipelines.warehouse.embedded_socket import SOCKET

ROOT = os.geteuid() == 0
NOBODY, STRANGER = 65534, 65533
ODD = "a b'\"ü,;$(x)%41"
LONG = "/".join(["deep" * 12] * 4)

OWNER = """
import json, os, sys
from pathlib import Path
import psycopg2
from arcadia_cloud_pipelines.warehouse.embedded import EmbeddedPostgres

server = EmbeddedPostgres(Path(sys.argv[1]))
url = server.url("arcadia")
connection = psycopg2.connect(user=url.username, dbname=url.database, host=url.query["host"])
cursor = connection.cursor()
cursor.execute("CREATE TEMP TABLE said (line text)")
for program in ("env", "id"):
    cursor.execute(f"COPY said FROM PROGRAM '{program}'")
cursor.execute("SELECT line FROM said")
lines = [line for (line,) in cursor.fetchall()]
print(json.dumps({"said": lines, "socket": url.query["host"]}), flush=True)
sys.stdin.read()
"""


def attack(door: Path) -> str:
    """What a process of another user is told when it tries to connect."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setresgid(STRANGER, STRANGER, STRANGER)
        os.setresuid(STRANGER, STRANGER, STRANGER)
        try:
            psycopg2.connect(user="postgres", dbname="postgres", host=str(door))
        except psycopg2.OperationalError as error:
            os.write(write, str(error).encode())
        else:
            os.write(write, b"IN")
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as said:
        text = said.read()
    os.waitpid(child, 0)
    return text


def runs_python(uid: int) -> bool:
    """Whether another user may run this interpreter, which can lie in root's own folder."""
    try:
        subprocess.run([sys.executable, "-c", ""], check=True, cwd="/", **account(uid))
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def account(uid: int | None) -> dict[str, Any]:
    return {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that its owner alone may enter, outside of pytest's own."""
    made = Path(tempfile.mkdtemp(prefix="arcadia-doors-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def modes(path: Path) -> dict[Path, int]:
    """The modes of all folders above."""
    return {parent: parent.stat().st_mode for parent in path.parents}


@pytest.mark.parametrize("uid", [None, NOBODY])
@pytest.mark.parametrize("name", ["plain", ODD, LONG])
def test_closed_to_others_for_any_path_and_user(folder: Path, name: str, uid: int | None) -> None:
    if uid is not None:
        if not ROOT or not runs_python(uid):
            pytest.skip("only root can be another user, and only one that may run Python")
        os.chown(folder, uid, uid)
    home = folder / name / "home"
    for parent in reversed(home.relative_to(folder).parents):
        (folder / parent).mkdir(mode=0o700, exist_ok=True)
        if uid is not None:
            os.chown(folder / parent, uid, uid)
    before = modes(home)
    secrets = {"DO_API_TOKEN": "dop_v1_canary", "ARCADIA_JWT_SECRET": "canary", "MY_KEY": "canary"}
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(home)],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **secrets},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **account(uid),
    ) as owner:  # fmt: skip
        assert owner.stdout is not None
        answer = json.loads(owner.stdout.readline())
        assert modes(home) == before
        data = home / "postgres"
        for closed in (home, data, data / SOCKET, Path(answer["socket"])):
            assert stat.S_IMODE(closed.stat().st_mode) == 0o700, closed
        assert Path(answer["socket"]).joinpath(SOCKET).samefile(data / SOCKET)
        assert "canary" not in str(answer["said"])
        assert not [line for line in answer["said"] if line.startswith("ARCADIA")]
        if ROOT and uid is None:
            (identity,) = [line for line in answer["said"] if line.startswith("uid=")]
            assert "(root)" not in identity, "of root's rights and groups it has none"
        if ROOT:
            # Even one who is let through the folders is not let in.
            for door in (answer["socket"], f"/proc/{_postmaster(data)}/cwd"):
                assert attack(Path(door)) not in ("", "IN")
        owner.communicate("")
    assert ServerFolder(home).pid() is None, "the last one to leave stops it"


def _postmaster(data: Path) -> str:
    return (data / "postmaster.pid").read_text().split()[0]


@pytest.mark.skipif(not ROOT, reason="not root")
def test_the_operating_system_says_who_asks(folder: Path) -> None:
    """A folder that somebody opened by mistake: the server still asks who it is."""
    server = EmbeddedPostgres(folder / "home")
    folder.chmod(0o755)
    (folder / "home").chmod(0o755)
    data = folder / "home" / "postgres"
    data.chmod(0o755)
    (data / SOCKET).chmod(0o777)
    said = attack(data)
    server.close()
    assert "Peer authentication failed" in said


@pytest.mark.parametrize("what", ["link", "open", "other"])
def test_a_socket_folder_that_somebody_else_made_is_refused(
    tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = Path(tempfile.mkdtemp(prefix="arcadia-rt-"))
    try:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
        trap = runtime / "arcadia"
        if what == "link":
            (runtime / "elsewhere").mkdir(mode=0o700)
            trap.symlink_to(runtime / "elsewhere")
        else:
            trap.mkdir(mode=0o755 if what == "open" else 0o700)
            if what == "other":
                if not ROOT:
                    pytest.skip("not root")
                os.chown(trap, STRANGER, STRANGER)
        with pytest.raises(EmbeddedPostgresError, match=f"{trap} is not a folder of .* alone"):
            EmbeddedPostgres(tmp_path / ODD)
        assert list(trap.iterdir()) == []
    finally:
        shutil.rmtree(runtime)


def test_a_folder_of_local_state_that_was_open_is_closed(tmp_path: Path) -> None:
    old = tmp_path / "home"
    (old / "dagster").mkdir(parents=True)
    old.chmod(0o755)
    EmbeddedPostgres(old).close()
    assert stat.S_IMODE(old.stat().st_mode) == 0o700


def test_a_folder_of_other_things_keeps_its_mode(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "letter.txt").write_text("not ours")
    shared.chmod(0o755)
    server = EmbeddedPostgres(shared)
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755
    assert stat.S_IMODE((shared / "postgres").stat().st_mode) == 0o700
    server.close()


@pytest.mark.skipif(not ROOT, reason="not root")
def test_anothers_folder_is_one_sentence(folder: Path) -> None:
    os.chown(folder, NOBODY, NOBODY)
    with pytest.raises(EmbeddedPostgresError, match=r"belongs to the user nobody.*sudo -u nobody"):
        EmbeddedPostgres(folder)
    assert list(folder.iterdir()) == []
