"""Rules that say when a desired and an actual value are the same. Plain Python, no database.

Comparison is loose: it asks whether a person would say that something differs. The sweep leaves to
PostgreSQL only what is equal to the letter; every other pair is judged here, so there is one set
of rules and no second one in SQL to agree with it. What the rules know about DigitalOcean is data
at the top of this module.

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

import ipaddress
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from ..kinds import GONE, NODE_POOL, REGISTRY
from ..times import parse_time
from .terraform_types import KEYS

LABELS = frozenset({"name", "version", "tags", "purpose", "description", "slug"})
"""Fields, at any depth, whose texts are names even where they look like numbers."""

SYNONYMS: Mapping[str, str] = {
    **{
        word: kind.name
        for kind in REGISTRY
        if kind.former_name
        for word in (kind.former_name, *kind.urn_types)
    },
    "dbaas": "database",
    "all": "0",
    "1-65535": "0",
    # DigitalOcean moved all Redis clusters to Valkey under their ids.
    "redis": "valkey",
}
"""Words for one thing; each in the fields of `_SYNONYM_FIELDS` alone, so that a name is a name."""
_SYNONYM_FIELDS: Mapping[str, frozenset[str]] = {
    "all": frozenset({"ports"}),
    "1-65535": frozenset({"ports"}),
    "redis": frozenset({"engine"}),
}

URN_TYPES: Mapping[str, str] = {"floatingip": "reservedip", "database": "dbaas"}
"""Old and new types in `do:<type>:<id>`: the projects API kept what was renamed in 2022."""

PLATFORM_TAG = re.compile(r"k8s(:.*)?|terraform:.*", re.DOTALL)
"""Tags that DigitalOcean (and Terraform, for a cluster's first pool) add by themselves, and that
Terraform's provider leaves out as well."""

WORKER_TAGS = frozenset({"k8s", "k8s:worker"})
"""Tags that only droplets of a node pool have together."""

PLATFORM_TAGGED = frozenset(kind.name for kind in REGISTRY if kind.platform_tags)
"""Kinds that get such tags."""

PLATFORM_FEATURES = frozenset({"droplet_agent", "monitoring"})
"""Features that a droplet gains when an agent is installed inside it."""

REFERENCES: Mapping[str, tuple[str, ...]] = {
    "image": ("id", "slug"),
    "project": ("id", "name", "row"),
    "project_id": ("id", "name", "row"),
    "droplet": ("id",),
}
"""Fields that stand for another resource, and the keys that name it, surest first."""

UNCOMPARED_KEYS: Mapping[str, frozenset[str]] = {
    "node_pools": frozenset({"id", "nodes"}),
    # Renewed under a new id; which certificate it is shows elsewhere.
    "forwarding_rules": frozenset({"certificate_id", "certificate_name"}),
    "maintenance_window": frozenset({"pending", "description"}),
}
"""For a field that holds objects: their keys that are no setting."""

DEFAULTS: Mapping[str, Mapping[str, str]] = {
    # In the API's reference since autumn 2026: "for backward compatibility optional".
    "inbound_rules": {"action": "allow", "ports": "0"},
    "outbound_rules": {"action": "allow", "ports": "0"},
    "forwarding_rules": {"tls_passthrough": "false"},
    "health_check": {
        "path": "/", "check_interval_seconds": "10", "response_timeout_seconds": "5",
        "unhealthy_threshold": "3", "healthy_threshold": "5",
    },
    "sticky_sessions": {"type": "none"},
    "maintenance_policy": {"day": "any"},
}  # fmt: skip
"""For a field that holds objects: the documented default of their keys, in canonical form."""

FIELD_DEFAULTS: Mapping[tuple[str, str], str] = {
    (kind.name, field): value for kind in REGISTRY for field, value in kind.defaults.items()
}
"""The documented default of a field of a kind. Only what is not told by rule 11."""

_DNS_NAMES = frozenset((kind.name, field) for kind in REGISTRY for field in kind.dns_names)
# The text of a TXT record is none.
_DNS_NAME = re.compile(r"[A-Za-z0-9_*@-]+(\.[A-Za-z0-9_*-]+)*\.?")
_LOWER_CASE = frozenset({
    "region", "size_slug", "day", "weekday", "protocol", "entry_protocol", "target_protocol",
})  # fmt: skip
_ADDRESSES = frozenset({"addresses", "allowed_addresses", "value"})
_HOUR = re.compile(r"([0-9]{2}:[0-9]{2})(:[0-9]{2})?")
_HOURS = frozenset({"hour", "start_time"})
_IPV6 = re.compile(r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(/[0-9]{1,3})?")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
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
    if (kind, field) in _DNS_NAMES and _is_dns_name(text, field):
        return text.rstrip(".").casefold()
    if field in LABELS:
        return text
    if field in _LOWER_CASE:
        return text.casefold()
    if field in _HOURS and (hour := _HOUR.fullmatch(text)):
        return hour[1]
    if field in _ADDRESSES or _IPV6.fullmatch(text):
        return _address(text, field)
    if _NUMBER.fullmatch(text):
        return _number(text)
    if text in SYNONYMS and field in _SYNONYM_FIELDS.get(text, {field}):
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
        field in _ADDRESSES and network.network.prefixlen == network.max_prefixlen
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
        return _lost_its_slug(keys, named) and not _NUMBER.fullmatch(str(canonical(b)))
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
    by_number = _NUMBER.fullmatch(str(canonical(desired)))
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
