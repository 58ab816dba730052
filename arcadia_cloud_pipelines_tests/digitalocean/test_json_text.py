"""JSON with values that orjson refuses: one odd value must not cost a whole list."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcadia_cloud_pipelines.digitalocean.json_text import NotJson, read_json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'{"a": "\ud800"}', {"a": "�"}),
        (r'{"a": "x\udfffy", "b": 1}', {"a": "x�y", "b": 1}),
        (r'{"\ud83d": ["\ud83d\ude00", "\\ud800"]}', {"�": ["😀", "\\ud800"]}),
        ('{"a": 1e400, "b": -1e400, "c": 1e-400}', {"a": "1e400", "b": "-1e400", "c": 0.0}),
        ('{"a": 1e400, "b": ' + "9" * 5000 + "}", {"a": "1e400", "b": "9" * 5000}),
        ('{"a": 1e400, "b": ' + "9" * 30 + "}", {"a": "1e400", "b": 1e30}),
        (r'{"a": "\u0000", "b": 1e400}', {"a": "\0", "b": "1e400"}),
    ],
)
def test_odd_values_are_replaced_and_the_others_stay(text: str, value: Any) -> None:
    assert read_json(text.encode()) == value


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"a": NaN}', b'{"a": Infinity}', b'{"a": "\xff"}', b"[1,]", b"<html>", b"\x00"],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(NotJson, match="is not valid JSON"):
        read_json(body)


@pytest.mark.parametrize("depth", [1500, 100_000])
def test_what_is_nested_without_end_is_refused(depth: int) -> None:
    with pytest.raises(NotJson):
        read_json(b"[" * depth + b"]" * depth)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(
        st.characters(codec=None)
    ),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)  # fmt: skip


@given(VALUES)
def test_whatever_json_says_is_read_and_can_be_written(value: Any) -> None:
    """Lone surrogates are among the letters, and integers are of any size."""
    text = json.dumps(value).replace("-Infinity", "-1e999").replace("Infinity", "1e999")
    orjson.dumps(read_json(text.encode()))
