"""The generated page is the one that is committed."""

from __future__ import annotations

from arcadia_cloud_pipelines.docs import PATH, tables_page


def test_the_page_of_the_tables_is_current() -> None:
    assert PATH.read_text(encoding="utf-8") == tables_page(), (
        "run `python -m arcadia_cloud_pipelines.docs`"
    )
