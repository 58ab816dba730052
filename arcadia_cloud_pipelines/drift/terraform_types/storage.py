"""Volumes, network file shares and Spaces."""

from __future__ import annotations

from collections.abc import Mapping

from .model import Block, Json, TerraformType, same_names, scalar


def _share(attributes: Json) -> Json:
    tier = scalar(attributes, "performance_tier")
    return {"performance_tier": f"PERFORMANCE_TIER_{tier}".upper()} if tier else {}


TYPES: Mapping[str, TerraformType] = {
    "digitalocean_volume": TerraformType(
        "volume",
        same_names("name", "region", size="size_gigabytes"),
        settings=same_names("description"),
        lists=same_names("tags"),
    ),
    "digitalocean_volume_snapshot": TerraformType(
        "volume_snapshot", same_names("name", volume_id="resource_id"), lists=same_names("tags")
    ),
    "digitalocean_nfs": TerraformType(
        # Its networks may be attached elsewhere: the share's own state can be behind.
        "nfs_share", same_names("name", "region", size="size_gib"), adjust=_share,
        adjusted=("performance_tier",),
    ),
    "digitalocean_nfs_access_point": TerraformType(
        "nfs_access_point",
        same_names("name", "share_id", "path", "vpc_id"),
        said_blocks={
            # The provider fills in protocols that the API does not show.
            "access_policy": Block(
                "access_policy",
                same_names("anonuid", "anongid", "squash_config", "identity_enforcement_enabled"),
            )
        },
    ),
    "digitalocean_nfs_snapshot": TerraformType(
        "nfs_snapshot", same_names("name", "share_id", "region"), identity=("id",)
    ),
    "digitalocean_spaces_bucket": TerraformType(
        "spaces_bucket", same_names("name", "region"), identity=("name", "id")
    ),
    "digitalocean_spaces_key": TerraformType(
        "spaces_key", same_names("name"), identity=("access_key", "id"),
        said_blocks={"grant": Block("grants", same_names("bucket", "permission"), many=True)},
    ),
}  # fmt: skip

CLAIMS: Mapping[str, TerraformType] = {
    "digitalocean_volume_attachment": TerraformType(
        "volume", identity=("volume_id",),
        adjust=lambda attributes: {"droplet_ids": [scalar(attributes, "droplet_id")]},
        adjusted=("droplet_ids",),
    ),
}  # fmt: skip
