"""Pictures for the UI, and what stands there without them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from arcadia_cloud_pipelines.common.plots import line_plot

POINTS = [(datetime(2026, 1, day, tzinfo=UTC), Decimal(day)) for day in range(1, 5)]


def test_a_picture_is_markdown_with_the_png_inside() -> None:
    assert line_plot("Run rate", POINTS).startswith("![Run rate](data:image/png;base64,")


def test_a_lean_image_says_that_it_has_no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.split(".")[0] == "matplotlib":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert line_plot("Run rate", POINTS) == (
        "Run rate: no picture, for matplotlib is not installed."
    )
