"""Kill a process in the middle of its work, and see that nothing is half done.

    .venv/bin/python -m benchmarks.kill_functions [--instants 160] [--seed 1] [--work sync]

Each instant is a process that does one of the product's works on a database of its own, and is
ended by SIGKILL: half of them after so many statements, which is the same instant each time, the
other half after so much time, which may be in the middle of a statement or of a COPY. Then what is
stored must agree with itself; and after the work is done once more, as Dagster repeats an
interrupted run, it must be what it is where nobody was killed. The table has a row a work, the exit
code is 0 when every instant was survived. `--done FILE` keeps the instants that are over, and goes
on from there.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import sqlalchemy as sa

from arcadia_cloud_pipelines.warehouse.embedded import EmbeddedPostgres
from arcadia_cloud_pipelines.warehouse.migrate import migrate

from .kill_works import WORKS, Place, Work
from .refresh import simulator

_numbers = itertools.count()


class Server:
    """A PostgreSQL with a database for each instant."""

    def __init__(self, url: sa.URL) -> None:
        """Use the server of `url`, whose role may make databases."""
        self._url = url

    def url(self, database: str) -> sa.URL:
        """Return the URL of one database."""
        return self._url.set(database=database)

    def execute(self, statement: str) -> None:
        """Do what no transaction may hold."""
        connection = psycopg2.connect(
            user=self._url.username, dbname="postgres", host=self._url.query["host"]
        )
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
        connection.close()

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """A database, dropped afterwards."""
        name = f"kill_{os.getpid()}_{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        try:
            yield name
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")


def in_a_child(work: Work, place: Place, *, die_after: int | None = None) -> int:
    """Fork, and do a work there.

    Args:
        work: what to do.
        place: where.
        die_after: statements after which the child kills itself; None for never.

    Returns:
        The child's process id.
    """
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        warehouse = place.warehouse()
        counted = count_statements(warehouse.engine, die_after)
        work.do(place, warehouse)
        Path(place.folder / "statements").write_text(str(next(counted)))
        code = 0
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def count_statements(engine: sa.Engine, die_after: int | None) -> Iterator[int]:
    """Count what goes to the database, and die at a number: before or after the statement."""
    numbers = itertools.count(1)

    def note(*_: Any) -> None:
        if next(numbers) == die_after:
            os.kill(os.getpid(), signal.SIGKILL)

    for event in ("before_cursor_execute", "after_cursor_execute", "commit"):
        sa.event.listen(engine, event, note)
    return numbers


def finished(child: int) -> int:
    """Wait, and return how it ended: 0, or minus the signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Trial:
    """One work with its template, and what it comes to where nobody is killed."""

    def __init__(
        self, name: str, server: Server, place: tuple[str, str], folder: Path, counted: bool
    ) -> None:
        """Prepare nothing yet; `counted` leaves out the instants that a time decides."""
        self.counted = counted
        self.name, self.work = name, WORKS[name]
        self._server, self._place, self._folder = server, place, folder

    def prepare(self, stack: ExitStack) -> None:
        """Make the template, and do the work once without a kill."""
        self._folder.mkdir(parents=True)
        self.template = stack.enter_context(self._server.database())
        place = self._at(self.template, self._folder)
        child = os.fork()
        if not child:
            try:
                warehouse = place.warehouse()
                if self.work.migrated:
                    migrate(warehouse)
                self.work.prepare(place, warehouse)
                os._exit(0)
            except BaseException as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
                os._exit(1)
        if finished(child):
            raise SystemExit(f"{self.name} could not be prepared")
        with self._copy() as place:
            begun = time.perf_counter()
            if finished(in_a_child(self.work, place)):
                raise SystemExit(f"{self.name} does not work, without any kill")
            self.seconds = time.perf_counter() - begun
            self.statements = int((place.folder / "statements").read_text())
            problems, self.expected = self._look(place)
            if problems:
                raise SystemExit(f"{self.name}, without any kill: {problems}")

    def _at(self, database: str, folder: Path) -> Place:
        return Place(self._server.url(database), folder, *self._place)

    @contextmanager
    def _copy(self) -> Iterator[Place]:
        """The prepared state, once more."""
        with self._server.database(self.template) as database:
            folder = self._folder.parent / database
            shutil.copytree(self._folder, folder, copy_function=shutil.copy2)
            try:
                yield self._at(database, folder)
            finally:
                shutil.rmtree(folder)

    def _look(self, place: Place) -> tuple[list[str], dict[str, Any]]:
        engine = sa.create_engine(place.url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            return self.work.problems(connection), self.work.result(connection)

    def kill(self, chance: random.Random) -> dict[str, Any]:
        """Kill at an instant, look, repeat, and look again."""
        by_count = chance.random() < 0.5 or self.counted
        fraction = chance.random()
        with self._copy() as place:
            if by_count:
                at: float = 1 + int(fraction * self.statements)
                status = finished(in_a_child(self.work, place, die_after=int(at)))
            else:
                at = fraction * self.seconds
                child = in_a_child(self.work, place)
                time.sleep(at)
                os.kill(child, signal.SIGKILL)
                status = finished(child)
            killed = status == -signal.SIGKILL
            problems = [f"after the kill: {text}" for text in self._look(place)[0]]
            if status not in (0, -signal.SIGKILL):
                problems.append(f"it ended with {status} before it was killed")
            repeated = finished(in_a_child(self.work, place))
            if repeated:
                problems.append(f"the repetition ended with {repeated}")
            after, result = self._look(place)
            problems += [f"after the repetition: {text}" for text in after]
            problems += [
                f"other {name} than without a kill: {_difference(result[name], wanted)}"
                for name, wanted in self.expected.items()
                if result[name] != wanted
            ]
        unit = "statements" if by_count else "s"
        return {"at": f"{at:.4g} {unit}", "killed": killed, "problems": problems}


def _difference(found: list[str], wanted: list[str]) -> str:
    return f"+{sorted({*found} - {*wanted})[:3]} -{sorted({*wanted} - {*found})[:3]}"


def plan(names: list[str], instants: int) -> list[tuple[str, int]]:
    """Share the instants out among the works, and number them."""
    return [(names[number % len(names)], number) for number in range(instants)]


@contextmanager
def parts(server: str | None, folder: Path) -> Iterator[tuple[Server, tuple[str, str]]]:
    """A PostgreSQL and a simulator, each in processes of its own: a fork finds no thread."""
    if server is None:
        embedded = EmbeddedPostgres(folder / "home")
        found = Server(embedded.url("postgres"))
    else:
        found = Server(sa.make_url(server))
    with simulator(0, 5, droplets=12, since=2026) as place:
        yield found, place
    if server is None:
        embedded.close()


def run(arguments: argparse.Namespace, folder: Path, server: Server, place: Any) -> int:
    """Kill at every instant that is left, and print the table."""
    done: dict[str, dict[str, Any]] = {}
    if arguments.done is not None and arguments.done.exists():
        lines = arguments.done.read_text().splitlines()
        done = {entry["key"]: entry for entry in map(json.loads, lines)}
    names = arguments.work or list(WORKS)
    planned = plan(names, arguments.instants)
    for name in names:
        left = [(work, n) for work, n in planned if work == name and _key(arguments, n) not in done]
        if not left:
            continue
        with ExitStack() as stack:
            trial = Trial(name, server, place, folder / name, arguments.counted)
            trial.prepare(stack)
            print(f"{name}: {trial.statements} statements, {trial.seconds:.1f} s", flush=True)
            for _, number in left:
                found = trial.kill(random.Random(f"{arguments.seed} {number}"))
                entry = {"key": _key(arguments, number), "work": name, **found}
                done[entry["key"]] = entry
                if arguments.done is not None:
                    with arguments.done.open("a") as file:
                        file.write(json.dumps(entry) + "\n")
                for problem in found["problems"]:
                    print(f"  {name} at {found['at']}: {problem}", flush=True)
    return report([done[_key(arguments, number)] for _, number in planned])


def _key(arguments: argparse.Namespace, number: int) -> str:
    return f"{arguments.seed} {number}"


def report(entries: list[dict[str, Any]]) -> int:
    """Print a row a work; return the exit code."""
    print(f"{'':16}{'instants':>9}{'killed':>8}{'consistent, repeated, the same':>32}")
    for name in dict.fromkeys(entry["work"] for entry in entries):
        mine = [entry for entry in entries if entry["work"] == name]
        killed = sum(entry["killed"] for entry in mine)
        good = sum(not entry["problems"] for entry in mine)
        print(f"{name:16}{len(mine):9}{killed:8}{good:32}")
    good = sum(not entry["problems"] for entry in entries)
    print(f"{good} of {len(entries)}")
    return 0 if good == len(entries) else 1


def main(given: list[str] | None = None) -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instants", type=int, default=160)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", action="append", choices=list(WORKS))
    parser.add_argument("--done", type=Path, help="file of the instants that are over")
    parser.add_argument("--counted", action="store_true", help="no instant that a time decides")
    parser.add_argument("--server", help="URL of a PostgreSQL to use instead of an own one")
    arguments = parser.parse_args(given)
    os.environ["ARCADIA_STRIKE_MINUTES"] = "0"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with parts(arguments.server, folder) as (server, place):
            return run(arguments, folder, server, place)


if __name__ == "__main__":
    sys.exit(main())
