"""Reading every Terraform state, wherever it lives: none at the cost of another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ..common.workers import Workers
from .state_command import read_command
from .state_entries import CommandSource, HttpSource, StateSource
from .state_http import read_http
from .state_json import TerraformError
from .state_s3 import read_s3
from .terraform_files import find_files, read_file
from .terraform_sources import SourceProblem
from .terraform_state import StateFile, parse_state

THREADS = 4
"""States that are read at a time: most of it is waiting, and each is in memory whole."""


def read_states(
    paths: Sequence[str], sources: Sequence[StateSource] = ()
) -> tuple[list[StateFile], list[SourceProblem]]:
    """Read state files and states that live elsewhere; `states/*.tfstate` is all that match.

    What cannot be read costs itself alone: it is among the problems.
    """
    files, missing = find_files(paths)
    problems = [unreadable(path, text) for path, text in missing]
    states: list[StateFile] = []
    work: list[tuple[str, Callable[[], bytes]]] = [
        *((path, partial(read_file, path)) for path in files),
        *((source.shown, partial(read_source, source)) for source in sources),
    ]
    with Workers(THREADS, "terraform-states") as workers:
        waiting = [
            (name, workers.submit(partial(_parsed, name, read))) for name, read in work
        ]  # fmt: skip
        for name, future in waiting:
            try:
                states.append(future.result())
            except TerraformError as error:
                problems.append(unreadable(name, str(error)))
            except MemoryError:
                problems.append(unreadable(name, f"{name} does not fit into memory."))
    return states, problems


def read_source(source: StateSource) -> bytes:
    """Return a state that lives elsewhere.

    Raises:
        TerraformError: it cannot be read.
    """
    if isinstance(source, HttpSource):
        return read_http(source)
    if isinstance(source, CommandSource):
        return read_command(source)
    return read_s3(source)


def unreadable(path: str, text: str) -> SourceProblem:
    """Return the problem of what cannot be read."""
    return SourceProblem(_shown(path), "unreadable", _shown(text))


def _parsed(name: str, read: Callable[[], bytes]) -> StateFile:
    return parse_state(read(), _shown(name))


def _shown(text: str) -> str:
    """Return a text with a file's name in it as PostgreSQL can store it: names are any bytes."""
    return text.encode("utf-8", "replace").decode().replace("\0", "�")
