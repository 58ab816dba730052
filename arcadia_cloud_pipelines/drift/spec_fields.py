"""The fields that a spec may have: those that the inventory has, too, and no secret.

Specs are compared with the inventory, so both go by one set of rules: those of `sightings`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from ..common.redaction import holds_secret, names_secret, without_mails
from ..inventory.sightings import stored_part, stores
from ..kinds import KIND_BY_NAME
from .errors import SpecError

Spec = Mapping[str, Any]


def canonical_json(value: Any) -> str:
    """A JSON value as text. Not by orjson: whole numbers in jsonb have no limit."""
    return json.dumps(value, ensure_ascii=False)


def holds(kind: str, field: str) -> bool:
    """Tell whether the inventory holds a field of a kind: what it does not is never compared."""
    known = KIND_BY_NAME.get(kind)
    return known is None or stores(known, field)


def held_part(kind: str, field: str, value: Any) -> Any:
    """Return what of a desired value the inventory can hold; see `sightings.held_part`."""
    known = KIND_BY_NAME.get(kind)
    return value if known is None else stored_part(known, field, value)


def held_spec(kind: str, spec: Spec) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what of a spec the inventory can hold, and the paths of the rest."""
    held = {field: held_part(kind, field, value) for field, value in spec.items()}
    known = KIND_BY_NAME.get(kind)
    if known is not None and known.adjust is not None:
        held = known.adjust(held)
    left_out = set(_paths(spec)) - set(_paths(held))
    # Of an object that stands for one of its keys, as a region does, that key is not lost.
    texts = {f"{field}.{key}" for field, value in spec.items() if isinstance(value, Mapping)
             for key in value if held.get(field) == value[key]}  # fmt: skip
    return held, tuple(sorted(left_out - texts))


def _paths(value: Any, prefix: str = "") -> Iterator[str]:
    """Yield the dotted path of every key, through lists."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield f"{prefix}{key}"
            yield from _paths(inner, f"{prefix}{key}.")
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner, prefix)


def refuse_unheld(kind: str, spec: Spec) -> None:
    """Refuse a spec that names fields which the inventory does not hold.

    Raises:
        SpecError: it does; the text names them.
    """
    unheld = sorted(field for field in spec if not holds(kind, field))
    if unheld:
        raise SpecError(
            f"{', '.join(unheld)} of a {kind} is not stored, so it cannot be compared: it changes "
            "by itself, is secret, or has another name (see the columns of cloud_resources). "
            "Nothing was recorded: leave it out."
        )


def checked_spec(spec: object) -> dict[str, Any]:
    """Return a spec as JSON decodes it.

    Raises:
        SpecError: it is not a JSON object, or PostgreSQL cannot store it.
    """
    if not isinstance(spec, Mapping) or not all(isinstance(k, str) and k for k in spec):
        raise SpecError(
            'The spec must be a JSON object of fields and values: {"size_slug": "s-1vcpu-1gb"}.'
        )
    try:
        decoded: dict[str, Any] = orjson.loads(orjson.dumps(dict(spec)))
    except (TypeError, ValueError) as error:
        raise SpecError(f"The spec is not valid JSON: {error}. Correct it.") from None
    if "\\u0000" in orjson.dumps(decoded).decode():
        raise SpecError("The spec holds a zero byte, which PostgreSQL cannot store: remove it.")
    return decoded


def without_secrets(spec: Spec) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A spec without credentials and mail addresses, and the paths that were left out.

    By the inventory's own rules, so that nothing is desired that could never be seen.
    """
    left_out: dict[str, None] = {}

    def secret(value: Any) -> bool:
        return isinstance(value, str) and holds_secret(value)

    def clean(value: Any, path: str) -> Any:
        if isinstance(value, Mapping):
            inside = {key: f"{path}.{key}" if path else str(key) for key in value}
            bad = {key for key, item in value.items() if names_secret(str(key)) or secret(item)}
            left_out.update(dict.fromkeys(inside[key] for key in value if key in bad))
            return {k: clean(item, inside[k]) for k, item in value.items() if k not in bad}
        if isinstance(value, (list, tuple)):
            if any(map(secret, value)):
                left_out[path] = None
            return [clean(item, path) for item in value if not secret(item)]
        return without_mails(value) if isinstance(value, str) else value

    return clean(spec, ""), tuple(left_out)
