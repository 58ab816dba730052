"""What the database says of the views of the schema `marts`: their columns, and what they read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from .views import FOLDER, SCHEMA

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
