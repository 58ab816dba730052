"""Rules that say when a desired and an actual value are the same. Plain Python, no database.

Comparison is loose: it asks whether a person would say that something differs. The sweep leaves to
PostgreSQL only what is equal to the letter; every other pair is judged here, so there is one set
of rules and no second one in SQL to agree with it. Values are brought into one form by
`canonical.py`; what the rules know about DigitalOcean is data in `spellings.py`.

1. Nothing: null, missing, "", [] and {} are one; `false` and 0 are something.
2. Scalars are texts: 2 = "2" = 2.0 = "2.00", true = "true". In a field that holds a label
   (`name`, `version`, …) a text is not read as a number: "1.30" ≠ "1.3".
3. Moments are the same instant, however they are written.
4. Lists are sets. Objects are equal key by key; a key with nothing in it is a missing key.
5. Names that DigitalOcean uses for one thing are one: `do:floatingip:…` = `do:reservedip:…`.
6. Tags: capitals do not count. Those that the platform adds to clusters and node pools are left
   out; on anything else a tag of that name is somebody's own.
7. An object that stands for another resource (image, project, droplet) equals a scalar that is
   one of its keys. A slug that the image has lost, because it moved on to a newer image, is no
   difference.
8. What changes by itself inside an object is left out: node counts of autoscaled pools, …
9. A key inside an object that has its documented default is a missing key: `action: allow`.
10. One spelling stands for all of a region, a DNS name, an IP address, an hour of the day.
11. Where Terraform says what is desired, `false` and 0 are nothing, too, as its states hold them
   where the API leaves the key out; and inside objects only the keys that it can say are compared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..kinds import GONE
from .canonical import ANYTHING, NUMBER, About, Canonical, canonical
from .spellings import FIELD_DEFAULTS, REFERENCES


def same(field: str, desired: Any, actual: Any, about: About = ANYTHING) -> bool:
    """Tell whether two values of a field are the same setting.

    Reflexive and symmetric; a JSON round trip of either changes nothing.

    Args:
        field: the field's name; some rules hold for some fields only.
        desired: a JSON value.
        actual: another.
        about: whose field it is.
    """
    if field == GONE and desired is not None and actual is not None:
        return True  # Gone is gone, whenever it was.
    default = FIELD_DEFAULTS.get((about.kind, field))
    a = canonical(desired, field, about) or default
    b = canonical(actual, field, about) or default
    if a == b:
        return True
    keys = REFERENCES.get(field)
    if keys is None or a is None or b is None:
        return False
    return _same_reference(keys, desired, actual)


def _same_reference(keys: tuple[str, ...], a: Any, b: Any) -> bool:
    if isinstance(b, Mapping) and not isinstance(a, Mapping):
        a, b = b, a
    if not isinstance(a, Mapping):
        return False
    named = _named(keys, a)
    if not isinstance(b, Mapping):
        if isinstance(b, (list, tuple, set, frozenset)):
            return False
        if any(canonical(b, key) == value for key, value in named.items()):
            return True
        return _lost_its_slug(keys, named) and not NUMBER.fullmatch(str(canonical(b)))
    other = _named(keys, b)
    for key in keys:
        if key in named and key in other:
            return named[key] == other[key]
    # One has lost its slug, the other knows nothing but the slug.
    return (_lost_its_slug(keys, named) and "slug" in other) or (
        _lost_its_slug(keys, other) and "slug" in named
    )


def _named(keys: tuple[str, ...], value: Mapping[str, Any]) -> dict[str, Canonical]:
    return {key: c for key in keys if (c := canonical(value.get(key), key)) is not None}


def _lost_its_slug(keys: tuple[str, ...], named: Mapping[str, Canonical]) -> bool:
    return "slug" in keys and "slug" not in named and "id" in named


def present(field: str, desired: Any, actual: Any) -> Any:
    """The actual value as the spec would say it: what people see, and what accepting writes.

    Where the spec names another resource by one word, the answer is one word too.
    """
    keys = REFERENCES.get(field)
    if keys is None or not isinstance(actual, Mapping) or isinstance(desired, Mapping):
        return actual
    by_number = NUMBER.fullmatch(str(canonical(desired)))
    if field in ("project", "project_id"):
        order = ("row",) if by_number else ("id", "name") if _is_uuid(desired) else ("name", "id")
    else:
        order = ("id", "slug") if by_number else ("slug", "id")
    for key in (*order, *keys):
        # A word that would not stand for the thing again is no answer.
        if canonical(word := actual.get(key), key) is not None and same(field, word, actual):
            return word
    return actual


def _is_uuid(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-fA-F-]{36}", value) is not None
