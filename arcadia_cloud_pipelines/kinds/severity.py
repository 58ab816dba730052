"""How bad it is when a field of a resource is not as it was meant, as data.

A kind's own entry goes first (`Kind.severities`, `Kind.opens`), then the table here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..common.severity import Severity
from .registry import KIND_BY_NAME

GONE = "deleted_at"
"""The field of a resource that is desired and gone: by default every spec desires null here."""

LABELS = (
    "name", "tags", "description", "purpose", "environment", "labels", "project", "project_id",
    "maintenance_window", "surge_upgrade", "features", "monitoring",
)  # fmt: skip
"""Fields of every kind that name, sort and watch: nothing runs otherwise by them."""

COMMON: Mapping[str, Severity] = {
    **dict.fromkeys(LABELS, Severity.WARNING),
    GONE: Severity.CRITICAL,
}
"""Severity of a field, whatever the kind. A field that is not here is an error."""


def severity_of(
    kind: str, field: str, desired: Any, actual: Any, *, replaced: bool = False
) -> Severity:
    """Return how bad it is that a field is not as desired.

    A tag is a warning, another size an error, a firewall that lets more in than it should is
    critical.

    Args:
        kind: the resource's kind; one that this release does not know goes by the common table.
        field: the field; `deleted_at` when the resource itself is gone.
        desired: a JSON value.
        actual: the one that was seen.
        replaced: for a resource that is gone: another one stands in its place.
    """
    entry = KIND_BY_NAME.get(kind)
    if entry is not None and (opens := entry.opens.get(field)):
        return Severity.CRITICAL if opens(desired, actual) else Severity.ERROR
    own = entry.severities.get(field) if entry is not None else None
    found = own or COMMON.get(field, Severity.ERROR)
    # It is there against the plan, or another one does its work.
    mild = field == GONE and (replaced or desired is not None)
    return Severity.ERROR if mild and found is Severity.CRITICAL else found
