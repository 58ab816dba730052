"""All kinds together, and the look-ups by their names."""

from __future__ import annotations

from collections.abc import Mapping

from . import (
    account,
    addresses,
    agents,
    ai,
    apps,
    compute,
    database_contents,
    databases,
    dns,
    kubernetes,
    monitoring,
    network,
    projects,
    storage,
)
from .kind import Kind

_SUBJECTS = (
    compute, storage, network, addresses, dns, databases, database_contents, kubernetes, apps, ai,
    agents, monitoring, account, projects,
)  # fmt: skip

REGISTRY: tuple[Kind, ...] = tuple(
    entry for subject in _SUBJECTS for entry in vars(subject).values() if isinstance(entry, Kind)
)
"""All kinds, whatever lists them: each entry of each subject."""

KINDS: tuple[Kind, ...] = tuple(
    kind for kind in REGISTRY if kind not in (storage.SPACES_BUCKET, projects.PROJECT)
)
"""The kinds that are a list of the API and nothing else: projects come with their members."""

KIND_BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in REGISTRY}

KIND_OF_URN_TYPE: Mapping[str, str] = {
    urn_type: kind.name for kind in REGISTRY for urn_type in kind.urn_types
}

KIND_OF_FORMER_NAME: Mapping[str, str] = {
    kind.former_name: kind.name for kind in REGISTRY if kind.former_name
}

UNKNOWN = "unknown"
"""The kind of what a project holds and whose urn type nobody told us about."""

NAMED: frozenset[str] = frozenset(
    {
        UNKNOWN,
        *(
            kind.name
            for kind in REGISTRY
            if kind.listed_by_all or (kind.id_form == "name" and not kind.is_address)
        ),
    }
)
"""Kinds whose identity two accounts may both list: a name, such as the tag `prod`, or what is their
organisation's. Another number or an address of DigitalOcean's is one thing, in whatever account."""
