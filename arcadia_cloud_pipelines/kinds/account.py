"""Keys and tags: what belongs to the team itself."""

from __future__ import annotations

from ..settings import Purpose
from .kind import Endpoint, Kind

SSH_KEY = Kind(
    name="ssh_key",
    asset="ssh_keys",
    description="Public SSH keys by name and fingerprint.",
    endpoints=(Endpoint("/v2/account/keys", "ssh_keys"),),
    scope="ssh_key:read",
    region=None,
    status=None,
    tags=None,
    created_at=None,
    # Ends in a comment, mostly somebody's name and machine; the fingerprint says which.
    secret=("public_key",),
    urn_types=("key",),
    purpose=Purpose.CLOUD_SYNC_SLOW,
)

TAG = Kind(
    name="tag",
    asset="tags",
    description="Tags, in use or not.",
    endpoints=(Endpoint("/v2/tags", "tags"),),
    scope="tag:read",
    identity="name",
    region=None,
    status=None,
    tags=None,
    created_at=None,
    # How many have it, and who got it last: as far as the token may see.
    noise=("resources",),
    purpose=Purpose.CLOUD_SYNC_SLOW,
)
