"""Keys and tags: what belongs to the team itself."""

from __future__ import annotations

from ..common.severity import Severity
from .kind import Endpoint, Kind

SSH_KEY = Kind(
    name="ssh_key",
    asset="ssh_keys",
    description="Public SSH keys by name and fingerprint.",
    endpoints=(Endpoint("/v2/account/keys", "ssh_keys"),),
    scope="ssh_key:read",
    free=True,
    id_form="integer",
    created_at=None,
    # Ends in a comment, mostly somebody's name and machine; the fingerprint says which.
    secret=("public_key",),
    urn_types=("key",),
)

TAG = Kind(
    name="tag",
    asset="tags",
    description="Tags, in use or not.",
    endpoints=(Endpoint("/v2/tags", "tags"),),
    scope="tag:read",
    free=True,
    id_form="name",
    identity="name",
    created_at=None,
    # How many have it, and who got it last: as far as the token may see.
    noise=("resources",),
    severities={"deleted_at": Severity.WARNING},
)

TEAM = Kind(
    name="team",
    asset="teams",
    description="Teams of the organisation, for a token that may see them.",
    endpoints=(Endpoint("/v2/organizations/teams", "teams", paged=False),),
    scope="organization:read",
    free=True,
    identity="uuid",
    listed_by_all=True,
    status="status",
    created_at="joined_organization_at",
    noise=("member_count",),
    secret=("email", "company"),
)

SECURITY_SCAN = Kind(
    name="security_scan",
    asset="security_scans",
    description="Security scans of the account and what they found, by rule.",
    endpoints=(Endpoint("/v2/security/scans", "scans"),),
    scope="security:read",
    free=True,
    title="id",
    status="status",
    noise=(
        "findings.found_at",
        "findings.details",
        "findings.business_impact",
        "findings.technical_details",
        "findings.mitigation_steps",
    ),
)
