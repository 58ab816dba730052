"""The generated files are the ones that are committed."""

from __future__ import annotations

import re
from pathlib import Path

import arcadia_cloud_pipelines
from arcadia_cloud_pipelines.documentation.pages import (
    PATH,
    SCHEMA_PATH,
    SOURCES_VIEW_PATH,
    START_PATH,
    scopes,
    sources_view,
    start_page,
    views_schema,
)
from arcadia_cloud_pipelines.documentation.tables_page import tables_page
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

PACKAGE = Path(arcadia_cloud_pipelines.__file__).parent
MEND = "run `python -m arcadia_cloud_pipelines.documentation`"


def test_the_page_of_the_tables_is_current() -> None:
    assert PATH.read_text(encoding="utf-8") == tables_page(), MEND


def test_the_view_of_the_sources_is_what_the_release_reads() -> None:
    assert SOURCES_VIEW_PATH.read_text(encoding="utf-8") == sources_view(), MEND


def test_the_columns_of_the_views_are_those_of_a_migrated_database(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        assert SCHEMA_PATH.read_text(encoding="utf-8") == views_schema(connection), MEND


def test_the_scopes_to_tick_are_those_that_are_asked_for() -> None:
    text = START_PATH.read_text(encoding="utf-8")
    assert start_page(text) == text, MEND
    # And no path is read with one that the list lacks.
    asked = set()
    for path in PACKAGE.rglob("*.py"):
        if "simulator" not in path.parts:
            asked |= set(re.findall(r'"([a-z_]+:(?:read|list))"', path.read_text("utf-8")))
    assert asked == scopes().keys()


def test_what_the_guide_for_contributors_names_is_there() -> None:
    """A recipe that sends people to a file which was moved is worse than none."""
    text = (PATH.parent / "contributing.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w/]+\.(?:py|sql|toml|json))(?:::(\w+))?[` ]", text)
    assert len(named) > 20
    files = [file for root in (PACKAGE, Path(__file__).parent) for file in root.rglob("*.*")]
    for path, test in named:
        found = [file for file in files if f"/{file}".endswith(f"/{path}")]
        assert found or path.startswith("NNNN"), path
        assert not test or any(f"def {test}(" in file.read_text("utf-8") for file in found), test
