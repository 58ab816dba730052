"""Brings the views of the schema `marts` into the database, from one `.sql` file a view.

PostgreSQL does not replace a view whose columns change, nor one that another view reads. So the
schema is dropped and made again as a whole, in the transaction of the migration, whenever the
digest of the files differs from the one that the schema's comment holds.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from .objects import read_objects

logger = logging.getLogger(__name__)

SCHEMA = "marts"

FOLDER = Path(__file__).parent.parent / SCHEMA

_HEADER = re.compile(r"\A/\*\n(?P<header>.*?)\n\*/\n(?P<query>.*)\Z", re.DOTALL)

_DIGEST = re.compile(r"\(digest ([0-9a-f]{16})\)")


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
        return frozenset(re.findall(rf"\b{SCHEMA}\.(\w+)", _without_comments(self.query)))

    def comment_of(self, column: str) -> str | None:
        """Return the comment of a column: its own, else the one that all views share."""
        return self.columns.get(column) or column_comments().get(column)


def _without_comments(sql: str) -> str:
    return re.sub(r"--[^\n]*", "", sql)


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


def installed_digest(connection: sa.Connection) -> str | None:
    """Return the digest that the schema was made from; None when there is no schema."""
    comment = connection.scalar(
        sa.text("SELECT obj_description(to_regnamespace(:schema), 'pg_namespace')"),
        {"schema": SCHEMA},
    )
    found = _DIGEST.search(str(comment or ""))
    return found[1] if found else None


@dataclass(frozen=True)
class BuiltOnSchema:
    """Views and grants that people built on the schema: put back when it is made again."""

    views: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Their views elsewhere that read it: quoted name, and the statements that make it as it is,
    each after those it reads."""
    grants: tuple[tuple[str, str], ...] = ()
    """Views of the schema, and the quoted role that may read them."""


def drop(connection: sa.Connection) -> BuiltOnSchema:
    """Drop the schema, so that the tables below it can be changed.

    Raises:
        ViewError: something that cannot be put back reads it, such as a materialized view, or a
            view of a role that this user may not act for.
    """
    if connection.scalar(sa.text("SELECT to_regnamespace(:s)"), {"s": SCHEMA}) is None:
        return BuiltOnSchema()
    others = connection.execute(sa.text(_DEPENDENTS), {"schema": SCHEMA}).all()
    fixed = [name for name, can_be_made, _ in others if not can_be_made]
    if fixed:
        raise ViewError(
            f"{', '.join(fixed)} reads the schema {SCHEMA}, which this release replaces: drop it, "
            "run `arcadia migrate`, and create it again."
        )
    grants = connection.execute(sa.text(_GRANTS), {"schema": SCHEMA}).all()
    connection.execute(sa.text(f"DROP SCHEMA {SCHEMA} CASCADE"))
    return BuiltOnSchema(
        views=tuple((name, tuple(statements)) for name, _, statements in others),
        grants=tuple((view, role) for view, role in grants),
    )


# Views on views as well. A view is younger than what it reads, so the order of oids is theirs.
_DEPENDENTS = """
WITH RECURSIVE reader AS (
    SELECT c.oid FROM pg_class AS c WHERE c.relnamespace = to_regnamespace(:schema)
    UNION
    SELECT rule.ev_class FROM reader
    JOIN pg_depend AS d ON d.refobjid = reader.oid AND d.refclassid = 'pg_class'::regclass
        AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_rewrite AS rule ON rule.oid = d.objid
)
SELECT
    CASE WHEN whose.is_ours THEN named.name ELSE format('%s (of %I)', named.name, whose.owner) END,
    c.relkind = 'v' AND whose.is_ours,
    ARRAY[format('CREATE VIEW %s %s AS %s', named.name,
        'WITH (' || array_to_string(c.reloptions, ', ') || ')', pg_get_viewdef(c.oid))]
    -- Before the owner: whoever is not the owner may say nothing of it.
    || ARRAY(
        SELECT format('COMMENT ON %s IS %L', CASE d.objsubid WHEN 0 THEN 'VIEW ' || named.name
            ELSE format('COLUMN %s.%I', named.name, a.attname) END, d.description)
        FROM pg_description AS d
        LEFT JOIN pg_attribute AS a ON a.attrelid = d.objoid AND a.attnum = d.objsubid
        WHERE d.objoid = c.oid AND d.classoid = 'pg_class'::regclass ORDER BY d.objsubid
    )
    -- By its owner, as it was given.
    || format('ALTER VIEW %s OWNER TO %I', named.name, whose.owner)
    || format('SET LOCAL ROLE %I', whose.owner)
    || ARRAY(
        SELECT format('GRANT %s%s ON %s TO %s%s', acl.privilege_type,
            ' (' || quote_ident(acl.attname) || ')', named.name,
            CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END,
            CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
        FROM (
            SELECT NULL AS attname, given.* FROM aclexplode(c.relacl) AS given
            UNION ALL
            SELECT a.attname, given.*
            FROM pg_attribute AS a CROSS JOIN LATERAL aclexplode(a.attacl) AS given
            WHERE a.attrelid = c.oid
        ) AS acl
        WHERE acl.grantor = c.relowner
    )
FROM reader JOIN pg_class AS c USING (oid)
CROSS JOIN LATERAL (SELECT c.oid::regclass::text AS name) AS named
CROSS JOIN LATERAL (
    SELECT pg_get_userbyid(c.relowner) AS owner, pg_has_role(
        c.relowner, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET'
        ELSE 'MEMBER' END
    ) AS is_ours
) AS whose
WHERE c.relnamespace <> to_regnamespace(:schema)
ORDER BY c.oid
"""

_GRANTS = """
SELECT c.relname, CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END
FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS acl
WHERE c.relnamespace = to_regnamespace(:schema) AND acl.privilege_type = 'SELECT'
  AND acl.grantee <> c.relowner
ORDER BY 1, 2
"""


def install_views(connection: sa.Connection, kept: BuiltOnSchema, folder: Path = FOLDER) -> None:
    """Make the schema anew from the files, with comments and grants.

    Args:
        connection: in a transaction.
        kept: from `drop`.
        folder: with the files.
    """
    connection.execute(sa.text(f"CREATE SCHEMA {SCHEMA}"))
    for view in read_views(folder):
        _create(connection, view)
    _comment(
        connection,
        f"SCHEMA {SCHEMA}",
        "Answers: one view a question, made from files of the release. Views of your own belong "
        f"into another schema: this one is made anew at upgrades. (digest {digest(folder)})",
    )
    _grant(connection, kept)
    for name, statements in kept.views:
        _put_back(connection, name, statements)


def _create(connection: sa.Connection, view: ViewSource) -> None:
    name = f"{SCHEMA}.{view.name}"
    connection.exec_driver_sql(f"CREATE VIEW {name} AS\n{view.query}".replace("%", "%%"))
    _comment(connection, f"VIEW {name}", view.comment)
    for column in _columns(connection, view.name):
        text = view.comment_of(column)
        if text is not None:
            _comment(connection, f'COLUMN {name}."{column}"', text)


def _put_back(connection: sa.Connection, name: str, statements: Sequence[str]) -> None:
    """Make a person's view again; one that no longer fits is named and left out."""
    try:
        with connection.begin_nested():
            role = connection.scalar(sa.text("SELECT current_setting('role')"))
            for statement in statements:
                connection.exec_driver_sql(statement.replace("%", "%%"))
            connection.execute(sa.text("SELECT set_config('role', :role, true)"), {"role": role})
    except DBAPIError as error:
        logger.warning("the view %s no longer fits the schema %s: %s", name, SCHEMA, error.orig)


def _columns(connection: sa.Connection, view: str) -> Sequence[str]:
    names: Sequence[Any] = (
        connection.execute(
            sa.text(
                "SELECT attname FROM pg_attribute"
                " WHERE attrelid = to_regclass(:view) AND attnum > 0 ORDER BY attnum"
            ),
            {"view": f"{SCHEMA}.{view}"},
        )
        .scalars()
        .all()
    )
    return [str(name) for name in names]


def _comment(connection: sa.Connection, target: str, text: str) -> None:
    quoted = " ".join(text.split()).replace("'", "''").replace("%", "%%")
    connection.exec_driver_sql(f"COMMENT ON {target} IS '{quoted}'")


def _grant(connection: sa.Connection, kept: BuiltOnSchema) -> None:
    """Let read who could before; what `arcadia_reader` may do is said in `grants`."""
    names = {view.name for view in read_views()}
    for view, role in kept.grants:
        if view in names:
            connection.execute(sa.text(f"GRANT SELECT ON {SCHEMA}.{view} TO {role}"))
            connection.execute(sa.text(f"GRANT USAGE ON SCHEMA {SCHEMA} TO {role}"))


_DESCRIBE = """
WITH RECURSIVE reads AS (
    SELECT c.oid AS view, c.oid AS relation FROM pg_class AS c
    WHERE c.relnamespace = to_regnamespace(:schema) AND c.relkind = 'v'
    UNION
    SELECT reads.view, d.refobjid
    FROM reads
    -- Views of the schema stand for what they read; those of public are looked through.
    JOIN pg_class AS via ON via.oid = reads.relation
        AND (via.oid = reads.view OR via.relnamespace <> to_regnamespace(:schema))
    JOIN pg_rewrite AS rule ON rule.ev_class = reads.relation
    JOIN pg_depend AS d ON d.objid = rule.oid AND d.classid = 'pg_rewrite'::regclass
        AND d.refclassid = 'pg_class'::regclass
)
SELECT
    v.relname AS view,
    (
        SELECT jsonb_object_agg(a.attname, format_type(a.atttypid, a.atttypmod))
        FROM pg_attribute AS a WHERE a.attrelid = v.oid AND a.attnum > 0
    ) AS types,
    ARRAY(SELECT a.attname::text FROM pg_attribute AS a
          WHERE a.attrelid = v.oid AND a.attnum > 0 ORDER BY a.attnum) AS columns,
    coalesce(
        array_agg(DISTINCT named.name ORDER BY named.name) FILTER (
            WHERE t.oid <> v.oid AND (t.relkind = 'r' OR named.name LIKE '%.%')
        ), '{}'
    ) AS reads
FROM reads
JOIN pg_class AS v ON v.oid = reads.view
JOIN pg_class AS t ON t.oid = reads.relation
CROSS JOIN LATERAL (
    SELECT CASE WHEN t.relnamespace = to_regnamespace(:schema) THEN :schema || '.' ELSE '' END
        || t.relname AS name
) AS named
GROUP BY v.oid, v.relname
ORDER BY v.relname
"""


def describe_views(connection: sa.Connection) -> dict[str, dict[str, Any]]:
    """Return each view's columns with their types, and what it reads.

    Example: {"resources": {"columns": {"account": "text", …}, "reads": ["cloud_resources",
    "marts.freshness", …]}}.
    """
    return {
        row.view: {
            "columns": {column: row.types[column] for column in row.columns},
            "reads": list(row.reads),
        }
        for row in connection.execute(sa.text(_DESCRIBE), {"schema": SCHEMA})
    }


@cache
def described_columns(folder: Path = FOLDER) -> Mapping[str, Mapping[str, Any]]:
    """Read what `describe` said when the release was made, for who has no database at hand."""
    found: dict[str, Any] = json.loads((folder / "schema.json").read_text(encoding="utf-8"))
    return found
