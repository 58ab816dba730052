"""The views of the schema `marts` as the release has them: one `.sql` file a view."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from .objects import read_objects

SCHEMA = "marts"

FOLDER = Path(__file__).parent.parent / SCHEMA

_HEADER = re.compile(r"\A/\*\n(?P<header>.*?)\n\*/\n(?P<query>.*)\Z", re.DOTALL)


class ViewError(Exception):
    """A view's file cannot be used; the text names it and what is wrong."""


@dataclass(frozen=True)
class ViewSource:
    """One view of the schema, as its file has it."""

    name: str
    comment: str
    """The question that it answers, and what one row is."""
    grain: tuple[str, ...]
    """Columns that are unique together; nulls count as equal."""
    example: str
    """One query that a reader may start from."""
    query: str
    columns: Mapping[str, str] = field(default_factory=dict)
    """Comments of its own columns."""

    @property
    def reads_views(self) -> frozenset[str]:
        """Names of the views of this schema that it reads."""
        return frozenset(re.findall(rf"\b{SCHEMA}\.(\w+)", re.sub(r"--[^\n]*", "", self.query)))

    def comment_of(self, column: str) -> str | None:
        """Return the comment of a column: its own, else the one that all views share."""
        return self.columns.get(column) or column_comments().get(column)


def read_view_file(path: Path) -> ViewSource:
    """Read one file.

    Raises:
        ViewError: it has no header, or the header lacks something.
    """
    found = _HEADER.match(path.read_text(encoding="utf-8"))
    if found is None:
        raise ViewError(f"{path} has no header: write one in /* */ before the query.")
    try:
        header = tomllib.loads(found["header"])
        return ViewSource(
            name=path.stem,
            comment=" ".join(header.pop("comment").split()),
            grain=tuple(header.pop("grain")),
            example=header.pop("example").strip(),
            columns=header.pop("columns", {}),
            query=found["query"].strip().rstrip(";"),
            **header,
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise ViewError(f"{path} has a header that cannot be used: {error}. Correct it.") from None


@cache
def read_views(folder: Path = FOLDER) -> tuple[ViewSource, ...]:
    """Read all views; each comes after those that it reads."""
    views = {path.stem: read_view_file(path) for path in sorted(folder.glob("*.sql"))}
    # Sorted, or each process would have an order, and so a digest, of its own.
    reads = {name: sorted(view.reads_views) for name, view in sorted(views.items())}
    sorter = TopologicalSorter(reads)
    order = [*sorter.static_order()]
    unknown = [name for name in order if name not in views]
    if unknown:
        raise ViewError(
            f"A view in {folder} reads {', '.join(unknown)}, which no file defines: correct the "
            "name."
        )
    return tuple(views[name] for name in order)


@cache
def column_comments(folder: Path = FOLDER) -> Mapping[str, str]:
    """Read the comments of columns that mean the same in every view."""
    comments: dict[str, str] = tomllib.loads((folder / "columns.toml").read_text(encoding="utf-8"))
    return comments


@cache
def digest(folder: Path = FOLDER) -> str:
    """Return a digest of all files: another one means that the schema is to be made again.

    With those of the objects below the views, which are made again together with them.
    """
    parts = [(v.name, v.comment, v.grain, v.query, dict(v.columns)) for v in read_views(folder)]
    text = json.dumps([parts, dict(column_comments(folder)), read_objects()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
