"""The one form of all values that are the same setting."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from ..common.times import parse_time
from ..kinds import NODE_POOL
from .spellings import (
    ADDRESSES,
    DEFAULTS,
    DNS_NAMES,
    HOURS,
    LABELS,
    LOWER_CASE,
    PLATFORM_FEATURES,
    PLATFORM_TAG,
    PLATFORM_TAGGED,
    SYNONYM_FIELDS,
    SYNONYMS,
    UNCOMPARED_KEYS,
    URN_TYPES,
    WORKER_TAGS,
)
from .terraform_types import KEYS

# The text of a TXT record is none.
_DNS_NAME = re.compile(r"[A-Za-z0-9_*@-]+(\.[A-Za-z0-9_*-]+)*\.?")
_HOUR = re.compile(r"([0-9]{2}:[0-9]{2})(:[0-9]{2})?")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(/[0-9]{1,3})?")
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}.*(Z|[+-][0-9]{2}:?[0-9]{2})")
_URN = re.compile(r"do:([a-z]+):(.+)", re.DOTALL)
_OTHER = re.compile(r"Other: *")

Canonical = str | tuple[str, frozenset[Any]] | None


class About(NamedTuple):
    """The thing that a comparison is about, beside the field."""

    kind: str = ""
    """The resource's kind; some rules hold for some kinds only."""
    terraform: bool = False
    """Whether Terraform says what is desired."""


ANYTHING = About()


def canonical(value: Any, field: str = "", about: About = ANYTHING) -> Canonical:
    """Return the one form of all values that are the same; None for nothing. Hashable.

    Args:
        value: a JSON value; tuples and sets pass for lists.
        field: the name it goes by, which decides what its texts mean.
        about: whose field it is.
    """
    form = _canonical(value, field, about)
    return None if about.terraform and form in _OFF else form


_OFF = ("false", "0")


def _canonical(value: Any, field: str, about: About) -> Canonical:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, Decimal)):
        return _number(str(value))
    if isinstance(value, str):
        return _text(value, field, about.kind)
    if isinstance(value, Mapping):
        return _object(value, field, about)
    if field == "tags" and {str(tag).casefold() for tag in value} >= WORKER_TAGS:
        about = about._replace(kind=NODE_POOL.name)
    items = frozenset(c for item in value if (c := _canonical(item, field, about)) is not None)
    return ("list", items) if items else None


def _text(text: str, field: str, kind: str) -> str | None:
    if field == "purpose":
        text = _OTHER.sub("", text, count=1) if _OTHER.match(text) else text
    if not text:
        return None
    if field == "tags":
        text = text.casefold()
        return None if kind in PLATFORM_TAGGED and PLATFORM_TAG.fullmatch(text) else text
    if field == "features" and text in PLATFORM_FEATURES:
        return None
    if (kind, field) in DNS_NAMES and _is_dns_name(text, field):
        return text.rstrip(".").casefold()
    # Before numbers are read: a version 1.30 is not 1.3.
    if field in LABELS:
        return text
    if field in LOWER_CASE:
        return text.casefold()
    if field in HOURS and (hour := _HOUR.fullmatch(text)):
        return hour[1]
    if field in ADDRESSES or _IPV6.fullmatch(text):
        return _address(text, field)
    if NUMBER.fullmatch(text):
        return _number(text)
    if text in SYNONYMS and field in SYNONYM_FIELDS.get(text, {field}):
        return SYNONYMS[text]
    if urn := _URN.fullmatch(text):
        return f"do:{URN_TYPES.get(urn[1], urn[1])}:{urn[2]}"
    if _MOMENT.fullmatch(text) and (time := parse_time(text)) is not None:
        return time.isoformat()
    return text


def _is_dns_name(text: str, field: str) -> bool:
    # One word alone may be the token in a TXT record, whose capitals count.
    return _DNS_NAME.fullmatch(text) is not None and (field != "data" or "." in text)


def _address(text: str, field: str) -> str:
    """Return the one way to write an IP address or network; other texts as they are."""
    try:
        network = ipaddress.ip_interface(text)
    except ValueError:
        return text
    alone = "/" not in text or (
        field in ADDRESSES and network.network.prefixlen == network.max_prefixlen
    )
    return str(network.ip if alone else network)


def _number(text: str) -> str:
    """The shortest way to write a number: 2.0, 2.00 and 2e0 are 2."""
    number = Decimal(text)
    if not number.is_finite():
        return text
    if number == 0:
        return "0"
    written = f"{number:f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def _object(value: Mapping[str, Any], field: str, about: About) -> Canonical:
    left_out = UNCOMPARED_KEYS.get(field, frozenset())
    defaults = DEFAULTS.get(field, {})
    said = KEYS.get(about.kind, {}).get(field) if about.terraform else None
    if field == "node_pools":
        about = about._replace(kind=NODE_POOL.name)
        left_out |= (
            # An autoscaler sets the count; without one its bounds and the switch say nothing.
            {"count"}
            if canonical(value.get("auto_scale")) == "true"
            else {"auto_scale", "min_nodes", "max_nodes"}
        )
    items = frozenset(
        (key, inner)
        for key, item in value.items()
        if key not in left_out
        and (said is None or key in said)
        and (inner := canonical(item, key, about)) is not None
        and inner != defaults.get(key)
    )
    return ("object", items) if items else None
