"""Droplets and what is made of them; keys and tags."""

from __future__ import annotations

from collections.abc import Mapping

from .model import Block, Json, TerraformType, blocks, same_names, scalar, scalars

BACKUP_KEYS: Mapping[str, frozenset[str]] = {
    # The API wraps the policy in what says whether there are backups at all.
    "backup_policy": frozenset({"backup_policy", "plan", "weekday", "hour"}),
}

_TEMPLATE = Block(
    "droplet_template",
    same_names("image", "vpc_uuid", "with_droplet_agent", "project_id", "ipv6",
               "public_networking"),
    same_names("tags", "ssh_keys"),
)  # fmt: skip


def _droplet(attributes: Json) -> Json:
    spec: Json = {}
    # The platform adds the feature when somebody installs the agent inside: only its want is said.
    if scalar(attributes, "monitoring"):
        spec["monitoring"] = True
    # Null is not computed yet.
    if attributes.get("volume_ids") is not None:
        spec["volume_ids"] = scalars(attributes, "volume_ids") or None
    for policy in blocks(attributes, "backup_policy")[:1]:
        daily = scalar(policy, "plan") == "daily"
        names = ("plan", "hour") if daily else ("plan", "weekday", "hour")
        said = {name: scalar(policy, name) for name in names}
        spec["backup_policy"] = {"backup_policy": said}
    return spec


def _pool(attributes: Json) -> Json:
    spec: Json = {}
    for template in blocks(attributes, "droplet_template")[:1]:
        for name, ours in (("region", "region"), ("size", "size_slug")):
            if (value := scalar(template, name)) is not None:
                spec[ours] = value
    return spec


TYPES: Mapping[str, TerraformType] = {
    "digitalocean_droplet": TerraformType(
        "droplet",
        same_names("name", "region", "image", "vpc_uuid", size="size_slug"),
        settings=same_names("backups", "ipv6"),
        lists=same_names("tags"),
        adjust=_droplet, adjusted=("monitoring", "volume_ids", "backup_policy"),
    ),
    "digitalocean_droplet_autoscale": TerraformType(
        "autoscale_pool",
        same_names("name"),
        said_blocks={
            "config": Block(
                "config",
                same_names("min_instances", "max_instances", "target_cpu_utilization",
                           "target_memory_utilization", "cooldown_minutes",
                           "target_number_instances"),
            ),
            "droplet_template": _TEMPLATE,
        },
        adjust=_pool, adjusted=("region", "size_slug"),
    ),
    "digitalocean_custom_image": TerraformType(
        "image", same_names("name", "distribution"), settings=same_names("description"),
        lists=same_names("tags"), said_lists=same_names("regions"),
    ),
    "digitalocean_droplet_snapshot": TerraformType(
        "droplet_snapshot", same_names("name", droplet_id="resource_id")
    ),
    "digitalocean_ssh_key": TerraformType("ssh_key", same_names("name", "fingerprint")),
    "digitalocean_tag": TerraformType("tag", same_names("name")),
}  # fmt: skip
