"""Projects. What is in one is read beside this: `MEMBERSHIPS`."""

from __future__ import annotations

from collections.abc import Mapping

from .model import TerraformType, same_names

TYPES: Mapping[str, TerraformType] = {
    "digitalocean_project": TerraformType(
        # The provider fills in a purpose, and writes "" for an environment that is not said.
        "project", same_names("name", "purpose", "environment"),
        settings=same_names("description", "is_default"),
    ),
}  # fmt: skip
