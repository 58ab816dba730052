"""Which ids an item carries: not all carry the one id of their resource.

Some carry a second one that means nothing outside of billing, some none at all.
"""

from __future__ import annotations

import uuid
import zlib
from datetime import UTC, datetime

from .basics import SimulatedLine

_ALWAYS = frozenset({"droplet_snapshot", "image"})
"""Equal rows are told apart by their ids alone."""
_SECOND_IDS_SINCE = datetime(2025, 1, 1, tzinfo=UTC)


def with_ids(line: SimulatedLine) -> SimulatedLine:
    """Return a line with the ids that its item shows, always the same for one resource.

    Of ten resources, two carry both ids from 2025 on and three carry none, so that only the name
    tells. Parts of clusters carry the id of the part, which is nobody's.
    """
    if line.kind is None or line.life_id is None or line.kind in _ALWAYS:
        return line
    if line.resource_id is None and line.resource_uuid is None:
        return line
    lot = zlib.crc32(f"ids:{line.life_id}".encode())
    own = lot % 10
    if own < 3:
        if line.kind in ("kubernetes_cluster", "database"):
            return line._replace(resource_uuid=_part(line))
        return line._replace(resource_id=None, resource_uuid=None)
    if own < 5 and line.start is not None and line.start >= _SECOND_IDS_SINCE:
        if line.resource_uuid is None:
            return line._replace(resource_uuid=_part(line))
        return line._replace(resource_id=str(700_000_000 + lot % 100_000_000))
    return line


def _part(line: SimulatedLine) -> str:
    """Return an id that no resource has."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"part of {line.life_id}: {line.description}"))
