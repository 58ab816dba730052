"""What Dagster's pages show of a run and of an asset: tables, numbers, times, columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import dagster as dg
import sqlalchemy as sa

from ..common import foreign_text


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> dg.MetadataValue:
    """Return a table for people whose cells are shown as they are.

    Never Markdown: Dagster's UI would load the picture that a name of the account asks for.
    """
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    name: "" if value is None else foreign_text.line(value)
                    for name, value in zip(columns, row, strict=True)
                }
            )
            for row in rows
        ],
        dg.TableSchema([dg.TableColumn(name, "text") for name in columns]),
    )


def metadata(values: Mapping[str, Any] | None = None, /, **more: Any) -> dict[str, Any]:
    """Return what the page of an asset shows of one run: what says nothing is left out.

    `metadata(changed=0, note=None, open_usd=Decimal("3.50"))` is `{"open_usd": 3.5}`. Left out are
    None, counts of zero, empty texts, lists and tables. A Decimal becomes a number, which Dagster
    plots over time, and stays at zero, too, like row counts; an aware time becomes a timestamp.

    Args:
        values: by name, where a name is not a word of Python.
        more: the same.
    """
    found = {**(values or {}), **more}
    return {
        name: _shown(value)
        for name, value in found.items()
        if name.endswith("row_count") or isinstance(value, Decimal | float) or not _is_empty(value)
    }


def _is_empty(value: Any) -> bool:
    if isinstance(value, dg.TableMetadataValue):
        return not value.records
    if isinstance(value, dg.MarkdownMetadataValue):
        return not value.md_str
    return not value and value is not False


def _shown(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return timestamp(value) if isinstance(value, datetime) else value


@cache  # Each kind's asset shows the same table.
def column_schema(table: sa.Table) -> dg.TableSchema:
    """The table's columns and their comments, as the Dagster UI shows them."""
    from sqlalchemy.dialects import postgresql

    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.type.compile(postgresql.dialect()).lower(),  # type: ignore[no-untyped-call]
                description=column.comment,
                constraints=dg.TableColumnConstraints(
                    nullable=bool(column.nullable), unique=bool(column.primary_key)
                ),
            )
            for column in table.columns
        ],
    )


def table_metadata(table: sa.Table) -> dict[str, Any]:
    """Definition metadata of an asset that writes `table`."""
    return {
        "dagster/table_name": f"public.{table.name}",
        "dagster/column_schema": column_schema(table),
    }


def timestamp(value: Any) -> dg.MetadataValue:
    """An aware datetime as metadata."""
    return dg.MetadataValue.timestamp(value.astimezone(UTC))
