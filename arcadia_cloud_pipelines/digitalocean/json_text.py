"""JSON as the API sends it, odd values included: one odd value must not cost a whole list.

orjson is exact and refuses the whole text for half of a surrogate pair or a number beyond a float.
What it refuses is read again, and what nobody could store is replaced.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

import orjson

REPLACEMENT: Final = "\ufffd"
_SURROGATES: Final = re.compile(r"[\ud800-\udfff]")
_LONGEST_NUMBER: Final = 400  # digits; beyond it is text, and Python refuses 4,300


class NotJson(Exception):
    """The text is no JSON, or nested too deeply; the message says which."""


def read_json(body: bytes) -> Any:
    """Decode JSON.

    Half of a surrogate pair becomes U+FFFD; a number that no float holds becomes its own text:
    `1e400` is read as "1e400".

    Raises:
        NotJson: it is none.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        text = body.decode("utf-8")
        value = json.loads(
            text, parse_float=_float, parse_int=_integer, parse_constant=_refuse_constant
        )
        return _without_surrogates(value)
    except RecursionError:
        problem = "is nested too deeply"
    except ValueError:
        problem = "is not valid JSON"
    raise NotJson(problem)


def _float(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


def _integer(text: str) -> int | float | str:
    if len(text) > _LONGEST_NUMBER:
        return text
    value = int(text)
    return value if -(2**63) <= value < 2**64 else float(value)


def _refuse_constant(text: str) -> None:
    raise ValueError(text)  # NaN and Infinity are no JSON


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATES.sub(REPLACEMENT, value)
    if isinstance(value, dict):
        return {_without_surrogates(k): _without_surrogates(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    return value
