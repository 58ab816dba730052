"""Checks and the alerts on them, without whom they notify."""

from __future__ import annotations

from collections.abc import Mapping

from .model import TerraformType, same_names

TYPES: Mapping[str, TerraformType] = {
    "digitalocean_monitor_alert": TerraformType(
        "alert_policy",
        same_names("type", "compare", "value", "window", description="name"),
        settings=same_names("enabled"),
        lists=same_names("tags", "entities"),
        identity=("uuid", "id"),
    ),
    "digitalocean_uptime_check": TerraformType(
        "uptime_check", same_names("name", "type", "target"), settings=same_names("enabled"),
        # Without any the API chooses.
        said_lists=same_names("regions"),
    ),
    "digitalocean_uptime_alert": TerraformType(
        "uptime_alert", same_names("name", "type", "comparison", "period"),
        settings=same_names("threshold"),
    ),
}  # fmt: skip
