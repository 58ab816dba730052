"""The registry of resource kinds, at the ground: what is particular to a kind stands in its entry.

A new kind is one entry in the module of its subject; its asset, checks, sync rows and documentation
follow from it. What does not belong here: how to page, clean or store.

Source of every entry: DigitalOcean's API reference and OpenAPI specification (2026).
"""

from .compute import DROPLET
from .kind import Edge, Endpoint, Json, Kind, Supplement
from .kubernetes import KUBERNETES_CLUSTER, NODE_POOL
from .projects import PROJECT
from .registry import (
    KIND_BY_NAME,
    KIND_OF_FORMER_NAME,
    KIND_OF_URN_TYPE,
    KINDS,
    NAMED,
    REGISTRY,
    UNKNOWN,
)
from .severity import GONE, severity_of
from .storage import SPACES_BUCKET, VOLUME

__all__ = [
    "DROPLET",
    "GONE",
    "KINDS",
    "KIND_BY_NAME",
    "KIND_OF_FORMER_NAME",
    "KIND_OF_URN_TYPE",
    "KUBERNETES_CLUSTER",
    "NAMED",
    "NODE_POOL",
    "PROJECT",
    "REGISTRY",
    "SPACES_BUCKET",
    "UNKNOWN",
    "VOLUME",
    "Edge",
    "Endpoint",
    "Json",
    "Kind",
    "Supplement",
    "severity_of",
]
