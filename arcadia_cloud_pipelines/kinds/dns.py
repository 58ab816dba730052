"""Zones, their records, certificates and CDN endpoints."""

from __future__ import annotations

from ..settings import Purpose
from .kind import Edge, Endpoint, Kind

DOMAIN = Kind(
    name="domain",
    asset="domains",
    description="DNS zones hosted by DigitalOcean.",
    endpoints=(Endpoint("/v2/domains", "domains"),),
    scope="domain:read",
    adopted=("ttl",),
    free=True,
    id_form="name",
    identity="name",
    created_at=None,
    # The zone file is the records over again, and changes with each of them.
    noise=("zone_file",),
    urn_types=("domain",),
    dns_names=("name",),
    purpose=Purpose.CLOUD_SYNC_FULL,
)

DOMAIN_RECORD = Kind(
    name="domain_record",
    asset="domain_records",
    description="The records of the DNS zones.",
    endpoints=(Endpoint("/v2/domains/{parent}/records", "domain_records"),),
    scope="domain:read",
    free=True,
    part_of=("domain", "domain"),
    created_at=None,
    edges=(Edge("in_domain", "domain", "$.domain"),),
    dns_names=("name", "data", "domain"),
)  # fmt: skip

CERTIFICATE = Kind(
    name="certificate",
    asset="certificates",
    description="TLS certificates, without their keys. A renewed one has a new id.",
    endpoints=(Endpoint("/v2/certificates", "certificates"),),
    scope="certificate:read",
    free=True,
    status="state",
    secret=("private_key", "leaf_certificate", "certificate_chain"),
    dns_names=("dns_names",),
)

CDN_ENDPOINT = Kind(
    name="cdn_endpoint",
    asset="cdn_endpoints",
    description="CDN endpoints in front of Spaces buckets.",
    endpoints=(Endpoint("/v2/cdn/endpoints", "endpoints"),),
    scope="cdn:read",
    title="origin",
    edges=(
        # One whose certificate Cloudflare makes names `needs-cloudflare-cert`.
        Edge("uses", "certificate", '$.certificate_id ? (@ like_regex "^[0-9a-f]{8}-")'),
    ),
    dns_names=("name", "custom_domain"),
)
