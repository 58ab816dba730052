"""Volumes, network file shares and Spaces."""

from __future__ import annotations

from ..common.severity import Severity
from ..settings import Purpose
from .kind import Edge, Endpoint, Kind

VOLUME = Kind(
    name="volume",
    asset="volumes",
    description="Block storage volumes and the droplets they are attached to.",
    endpoints=(Endpoint("/v2/volumes", "volumes"),),
    scope="block_storage:read",
    adopted=("size_gigabytes", "droplet_ids"),
    billed_alone=True,
    region="region.slug",
    tags="tags",
    noise=("region",),
    edges=(Edge("attached_to", "droplet", "$.droplet_ids[*]", lack="unattached"),),
    urn_types=("volume",),
    counter="volumes",
    purpose=Purpose.CLOUD_SYNC_FAST,
)

VOLUME_SNAPSHOT = Kind(
    name="volume_snapshot",
    asset="volume_snapshots",
    description="Snapshots of volumes, billed by their size.",
    endpoints=(Endpoint("/v2/snapshots", "snapshots", {"resource_type": "volume"}),),
    scope="snapshot:read",
    billed_alone=True,
    tags="tags",
    edges=(Edge("snapshot_of", "volume", "$.resource_id"),),
    counter="volume_snapshots",
    purpose=Purpose.CLOUD_SYNC_FULL,
)

NFS_SHARE = Kind(
    name="nfs_share",
    asset="nfs_shares",
    description="Network file shares and the networks that reach them.",
    # No paging in the specification, links in the official Go client: those are followed.
    endpoints=(Endpoint("/v2/nfs", "shares", paged=False),),
    scope="nfs:list",
    billed_alone=True,
    region="region",
    status="status",
    noise=("access_points.updated_at",),
    edges=(Edge("in_vpc", "vpc", "$.vpc_ids[*]"),),
    purpose=Purpose.CLOUD_SYNC_FULL,
)

NFS_SNAPSHOT = Kind(
    name="nfs_snapshot",
    asset="nfs_snapshots",
    description="Snapshots of network file shares.",
    endpoints=(Endpoint("/v2/nfs/snapshots", "snapshots", paged=False),),
    scope="nfs:list",
    region="region",
    status="status",
    edges=(Edge("snapshot_of", "nfs_share", "$.share_id"),),
    purpose=Purpose.CLOUD_SYNC_FULL,
)

SPACES_KEY = Kind(
    name="spaces_key",
    asset="spaces_keys",
    description="Access keys to Spaces by id and grants, never their secrets.",
    endpoints=(Endpoint("/v2/spaces/keys", "keys"),),
    scope="spaces_key:read",
    free=True,
    id_form="name",
    identity="access_key",
    secret=("secret_key",),
    # What its holder may read and write.
    severities={"grants": Severity.CRITICAL},
)

SPACES_BUCKET = Kind(
    name="spaces_bucket",
    asset="spaces_buckets",
    description="Spaces buckets, by S3's ListBuckets in each region; without a key pair for Spaces "
    "those that projects, CDN endpoints and Spaces keys name, as `known_from` says.",
    # Of another server and in another protocol than all the others: see buckets.py.
    endpoints=(Endpoint("https://{region}.digitaloceanspaces.com/", "Buckets", paged=False),),
    # No scope of a token's: the permission of a Spaces key.
    scope="fullaccess",
    id_form="name",
    identity="name",
    region="region",
    urn_types=("space",),
)

NFS_ACCESS_POINT = Kind(
    name="nfs_access_point",
    asset="nfs_access_points",
    description="Ways into network file shares: path, policy, and the network that may.",
    endpoints=(
        Endpoint(
            "/v2/nfs", "access_points", paged=False, inside=True, optional=True, inherit=("region",)
        ),
    ),
    scope="nfs:list",
    free=True,
    part_of=("nfs_share", "share_id"),
    region="region",
    status="status",
    noise=("updated_at",),
    edges=(Edge("in_vpc", "vpc", "$.vpc_id"),),
    purpose=Purpose.CLOUD_SYNC_FULL,
)
