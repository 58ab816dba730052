"""Zones, their records, certificates and CDN endpoints."""

from __future__ import annotations

from collections.abc import Mapping

from .model import Json, TerraformType, same_names, scalar


def _renews_itself(attributes: Json) -> bool:
    """Tell the certificates of Let's Encrypt: every two months there is another id."""
    return bool(scalar(attributes, "type") == "lets_encrypt")


TYPES: Mapping[str, TerraformType] = {
    "digitalocean_domain": TerraformType("domain", same_names("name")),
    "digitalocean_record": TerraformType(
        "domain_record",
        same_names("type", "name", "domain", "ttl", value="data"),
        settings=same_names("priority", "port", "weight", "flags", "tag"),
    ),
    "digitalocean_certificate": TerraformType(
        "certificate", same_names("name", "type"), said_lists=same_names(domains="dns_names"),
        identity=("uuid",), identity_is_new=True, unless=_renews_itself,
    ),
    "digitalocean_cdn": TerraformType(
        # A certificate is renewed under a new id, and the state names it by its name.
        "cdn_endpoint", same_names("ttl", origin="name"), settings=same_names("custom_domain")
    ),
}  # fmt: skip
