"""The registry of resource kinds: all that is particular to one, as data.

A new kind is one entry here; its asset, checks, sync rows and documentation follow from it.
What does not belong here: how to page, clean or store. Paths are dotted (`region.slug`) and go
into the items of lists by themselves (`node_pools.nodes`).

Source of every entry: DigitalOcean's API reference and OpenAPI specification (2026).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..settings import Purpose

Json = dict[str, Any]


@dataclass(frozen=True)
class Endpoint:
    """One listing of the API."""

    path: str
    envelope: str
    params: Mapping[str, str] = field(default_factory=dict)
    paged: bool = True
    per: str | None = None
    """The kind of the parents, where this is one call for each: `path` holds `{parent}`."""
    inside: bool = False
    """Children without a call of their own: `path` is the parents' list, and each parent's object
    holds its children as `envelope`."""
    inherit: tuple[str, ...] = ()
    """Fields that a child inside then has from its parent, where it has none of its own."""
    parent_field: str = "parent_id"
    """Where each item then says whose child it is, if it does not by itself."""


@dataclass(frozen=True)
class Supplement:
    """Another kind's listing that says more of the objects of this one."""

    field: str
    """The field of the object that takes it."""
    kind: str
    """The kind whose listing says it."""
    facts: Callable[[Iterable[Json]], Mapping[str, Json]]
    """What the items of that listing say, by the identity of whom they say it of. Must bear items
    of any shape."""


@dataclass(frozen=True)
class Kind:
    """What the mirror must know of one kind of resource."""

    name: str
    """As `cloud_resources.kind` spells it."""
    asset: str
    """The Dagster asset: the plural."""
    description: str
    endpoints: tuple[Endpoint, ...]
    """Read one after the other; together they are the listing."""
    scope: str
    """The token scope that the listing needs, for messages."""
    identity: str = "id"
    """Path of what no other object of this kind has; `a/b` where only both together are that."""
    title: str = "name"
    """Path of the name."""
    region: str | None = "region"
    status: str | None = "status"
    size_slug: str | None = None
    tags: str | None = "tags"
    tags_name_targets: bool = False
    """True for a firewall or an alert policy: its tags say what it is for, not what it is."""
    created_at: str | None = "created_at"
    noise: tuple[str, ...] = ()
    """Paths that change by themselves, or hold catalogue data: not stored, never a change."""
    keep: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For an object inside: the only keys of it that are stored."""
    secret: tuple[str, ...] = ()
    """Paths with credentials or personal data, beside what the generic net catches. `*.name` is
    that name at any depth."""
    leave_out: Mapping[str, str] = field(default_factory=dict)
    """Items with these values in these fields are listed here, but are another kind's."""
    supplements: tuple[Supplement, ...] = ()
    """What other listings say of the same objects. Where one fails, what it says is unknown, not
    gone; this kind's own listing is as complete as before."""
    adjust: Callable[[Json], Json] | None = None
    """Last resort, for what paths cannot say. Gets a shallow copy of the object."""
    part_of: tuple[str, str] | None = None
    """The kind of the whole that it is a part of, and the path of the whole's identity. Parts are
    paid for with their whole, and nobody plans them alone."""
    billed_alone: bool = False
    """Whether each one of it has a line on the invoice of every month it lives through."""
    urn_types: tuple[str, ...] = ()
    """Types that this kind has in `do:<type>:<id>` of the projects API."""
    purpose: Purpose = Purpose.CLOUD_SYNC_FAST
    """The token it is read with, and the Dagster pool it runs in."""

    @property
    def taggable(self) -> bool:
        """Return whether people can put tags on it. Some kinds have tags that name others."""
        return self.tags is not None and not self.tags_name_targets


def _objects(value: object) -> Iterator[Json]:
    """The objects of what should be a list of them."""
    return (item for item in value if isinstance(item, dict)) if type(value) is list else iter(())


def _workers(clusters: Iterable[Json]) -> dict[str, Json]:
    """The cluster and the pool of each droplet that is a worker."""
    return {
        str(node["droplet_id"]): {
            "cluster_id": cluster.get("id"),
            "node_pool_id": pool.get("id"),
            "node_pool": pool.get("name"),
        }
        for cluster in clusters
        for pool in _objects(cluster.get("node_pools"))
        for node in _objects(pool.get("nodes"))
        # Empty while it is being made.
        if node.get("droplet_id")
    }


def _backup_settings(policies: Iterable[Json]) -> dict[str, Json]:
    """Return if and when each droplet is backed up, without the window that rolls on."""
    kept = ("backup_enabled", "backup_policy")
    return {
        str(policy.get("droplet_id")): {name: policy[name] for name in kept if name in policy}
        for policy in policies
    }


def _without_tagged_droplets(balancer: Json) -> Json:
    """A balancer that targets a tag gets its droplets from the tag: membership is no setting."""
    if balancer.get("tag"):
        balancer.pop("droplet_ids", None)
    return balancer


KINDS: tuple[Kind, ...] = (
    Kind(
        name="droplet",
        asset="droplets",
        description="Virtual machines, ordinary and GPU, Kubernetes workers among them.",
        # GPU droplets are missing from the plain list.
        endpoints=(
            Endpoint("/v2/droplets", "droplets"),
            Endpoint("/v2/droplets", "droplets", {"type": "gpus"}),
        ),
        scope="droplet:read",
        billed_alone=True,
        # Workers; other droplets name no cluster.
        part_of=("kubernetes_cluster", "kubernetes.cluster_id"),
        region="region.slug",
        size_slug="size_slug",
        noise=(
            "size", "region", "next_backup_window", "backup_ids", "snapshot_ids", "locked",
            "kernel", "networks.v4.gateway", "disk_info",
        ),
        keep={"image": ("id", "slug")},
        supplements=(
            Supplement("kubernetes", "kubernetes_cluster", _workers),
            Supplement("backup_policy", "backup_policy", _backup_settings),
        ),
        urn_types=("droplet",),
    ),
    Kind(
        name="volume",
        asset="volumes",
        description="Block storage volumes and the droplets they are attached to.",
        endpoints=(Endpoint("/v2/volumes", "volumes"),),
        scope="block_storage:read",
        billed_alone=True,
        region="region.slug",
        status=None,
        noise=("region",),
        urn_types=("volume",),
    ),
    Kind(
        name="droplet_snapshot",
        asset="droplet_snapshots",
        description="Snapshots of droplets, billed by their size.",
        endpoints=(Endpoint("/v2/snapshots", "snapshots", {"resource_type": "droplet"}),),
        scope="snapshot:read",
        billed_alone=True,
        region=None,
        status=None,
        purpose=Purpose.CLOUD_SYNC_FULL,
    ),
    Kind(
        name="volume_snapshot",
        asset="volume_snapshots",
        description="Snapshots of volumes, billed by their size.",
        endpoints=(Endpoint("/v2/snapshots", "snapshots", {"resource_type": "volume"}),),
        scope="snapshot:read",
        billed_alone=True,
        region=None,
        status=None,
        purpose=Purpose.CLOUD_SYNC_FULL,
    ),
    Kind(
        name="database",
        asset="databases",
        description="Managed database clusters, without any of their credentials.",
        endpoints=(Endpoint("/v2/databases", "databases", paged=False),),
        scope="database:read",
        billed_alone=True,
        size_slug="size",
        noise=(
            "maintenance_window.pending", "maintenance_window.description", "semantic_version",
            "metrics_endpoints", "version_end_of_life", "version_end_of_availability",
        ),
        keep=dict.fromkeys(
            (
                "connection", "private_connection", "standby_connection",
                "standby_private_connection", "ui_connection", "schema_registry_connection",
            ),
            ("host", "port", "database", "ssl"),
        ),
        secret=("users",),
        urn_types=("dbaas", "database"),
        purpose=Purpose.CLOUD_SYNC_FULL,
    ),
    Kind(
        name="kubernetes_cluster",
        asset="kubernetes_clusters",
        description="Kubernetes clusters with their node pools; workers are droplets.",
        endpoints=(Endpoint("/v2/kubernetes/clusters", "kubernetes_clusters"),),
        scope="kubernetes:read",
        status="status.state",
        noise=("status.message", "updated_at", "node_pools.nodes"),
        urn_types=("kubernetes",),
        purpose=Purpose.CLOUD_SYNC_FULL,
    ),
    Kind(
        name="node_pool",
        asset="node_pools",
        description="Node pools of Kubernetes clusters; their nodes are droplets.",
        endpoints=(
            Endpoint(
                "/v2/kubernetes/clusters", "node_pools", per="kubernetes_cluster", inside=True,
                inherit=("region",), parent_field="cluster_id",
            ),
        ),
        scope="kubernetes:read",
        part_of=("kubernetes_cluster", "cluster_id"),
        status=None,
        size_slug="size",
        created_at=None,
        noise=("nodes",),
        purpose=Purpose.CLOUD_SYNC_FULL,
    ),
    Kind(
        name="load_balancer",
        asset="load_balancers",
        description="Load balancers, regional and global.",
        endpoints=(Endpoint("/v2/load_balancers", "load_balancers"),),
        scope="load_balancer:read",
        billed_alone=True,
        region="region.slug",
        size_slug="size",
        # `tag` and `tags` of a balancer name its targets; it has none of its own.
        tags=None,
        noise=("region",),
        adjust=_without_tagged_droplets,
        urn_types=("loadbalancer",),
        purpose=Purpose.CLOUD_SYNC_FULL,
    ),
    Kind(
        name="reserved_ip",
        asset="reserved_ips",
        description="Reserved IPv4 addresses, once called floating, assigned and idle.",
        endpoints=(Endpoint("/v2/reserved_ips", "reserved_ips"),),
        scope="reserved_ip:read",
        identity="ip",
        title="ip",
        region="region.slug",
        status=None,
        tags=None,
        created_at=None,
        noise=("region", "locked"),
        keep={"droplet": ("id",)},
        # The projects API kept the old name after 2022; clients build the new one.
        urn_types=("floatingip", "reservedip"),
    ),
    Kind(
        name="domain",
        asset="domains",
        description="DNS zones hosted by DigitalOcean.",
        endpoints=(Endpoint("/v2/domains", "domains"),),
        scope="domain:read",
        identity="name",
        region=None,
        status=None,
        tags=None,
        created_at=None,
        # The zone file is the records over again, and changes with each of them.
        noise=("zone_file",),
        urn_types=("domain",),
        purpose=Purpose.CLOUD_SYNC_FULL,
    ),
    Kind(
        name="registry",
        asset="registries",
        description="Container registries and the plan each is on.",
        endpoints=(Endpoint("/v2/registries", "registries", paged=False),),
        scope="registry:read",
        identity="name",
        status=None,
        tags=None,
        # Storage grows with every push; when it was counted is news of no kind.
        noise=("storage_usage_bytes", "storage_usage_bytes_updated_at", "subscription.updated_at"),
        purpose=Purpose.CLOUD_SYNC_FULL,
    ),
    Kind(
        name="registry_repository",
        asset="registry_repositories",
        description="Repositories of the container registries.",
        endpoints=(
            Endpoint(
                "/v2/registries/{parent}/repositoriesV2", "repositories", per="registry",
                parent_field="registry_name",
            ),
        ),
        scope="registry:read",
        part_of=("registry", "registry_name"),
        # Names of registries have no slash, those of repositories may.
        identity="registry_name/name",
        region=None,
        status=None,
        tags=None,
        created_at=None,
        # All that a push moves.
        noise=("tag_count", "manifest_count", "latest_manifest"),
        purpose=Purpose.CLOUD_SYNC_SLOW,
    ),
    Kind(
        name="vpc",
        asset="vpcs",
        description="Private networks, the default one of each region among them.",
        endpoints=(Endpoint("/v2/vpcs", "vpcs"),),
        scope="vpc:read",
        status=None,
        tags=None,
        noise=("urn",),
        urn_types=("vpc",),
        purpose=Purpose.CLOUD_SYNC_FULL,
    ),
    Kind(
        name="vpc_peering",
        asset="vpc_peerings",
        description="Connections between two private networks.",
        endpoints=(Endpoint("/v2/vpc_peerings", "vpc_peerings"),),
        scope="vpc_peering:read",
        region=None,
        tags=None,
        purpose=Purpose.CLOUD_SYNC_FULL,
    ),
    Kind(
        name="nat_gateway",
        asset="nat_gateways",
        description="NAT gateways of private networks.",
        endpoints=(Endpoint("/v2/vpc_nat_gateways", "vpc_nat_gateways"),),
        scope="nat_gateway:read",
        billed_alone=True,
        status="state",
        size_slug="size",
        tags=None,
        noise=("updated_at",),
        purpose=Purpose.CLOUD_SYNC_FULL,
    ),
    Kind(
        name="firewall",
        asset="firewalls",
        description="Cloud firewalls: rules, and the droplets and tags they protect.",
        endpoints=(Endpoint("/v2/firewalls", "firewalls"),),
        scope="firewall:read",
        tags_name_targets=True,
        region=None,
        # How far the rules got to the droplets: moves whenever a droplet comes or goes.
        status=None,
        noise=("status", "pending_changes"),
        urn_types=("firewall",),
        purpose=Purpose.CLOUD_SYNC_FULL,
    ),
    Kind(
        name="reserved_ipv6",
        asset="reserved_ipv6s",
        description="Reserved IPv6 addresses, assigned and idle.",
        endpoints=(Endpoint("/v2/reserved_ipv6", "reserved_ipv6s"),),
        scope="reserved_ip:read",
        identity="ip",
        title="ip",
        region="region_slug",
        status=None,
        tags=None,
        created_at="reserved_at",
        keep={"droplet": ("id",)},
        urn_types=("reservedipv6",),
    ),
    Kind(
        name="byoip_prefix",
        asset="byoip_prefixes",
        description="Address ranges of the customer's own.",
        endpoints=(Endpoint("/v2/byoip_prefixes", "byoip_prefixes"),),
        scope="byoip_prefix:read",
        identity="uuid",
        # Objects have no name in the official examples.
        title="prefix",
        tags=None,
        created_at=None,
        noise=("locked", "validations"),
        purpose=Purpose.CLOUD_SYNC_SLOW,
    ),
    Kind(
        name="partner_attachment",
        asset="partner_attachments",
        description="Private connections through a network partner.",
        endpoints=(Endpoint("/v2/partner_network_connect/attachments", "partner_attachments"),),
        scope="partner_network_connect:read",
        status="state",
        tags=None,
        noise=("urn",),
        secret=("bgp.auth_key",),
        urn_types=("partner_attachment",),
        purpose=Purpose.CLOUD_SYNC_SLOW,
    ),
    Kind(
        name="cdn_endpoint",
        asset="cdn_endpoints",
        description="CDN endpoints in front of Spaces buckets.",
        endpoints=(Endpoint("/v2/cdn/endpoints", "endpoints"),),
        scope="cdn:read",
        title="origin",
        region=None,
        status=None,
        tags=None,
        purpose=Purpose.CLOUD_SYNC_SLOW,
    ),
    Kind(
        name="certificate",
        asset="certificates",
        description="TLS certificates, without their keys. A renewed one has a new id.",
        endpoints=(Endpoint("/v2/certificates", "certificates"),),
        scope="certificate:read",
        region=None,
        status="state",
        tags=None,
        secret=("private_key", "leaf_certificate", "certificate_chain"),
        purpose=Purpose.CLOUD_SYNC_SLOW,
    ),
    Kind(
        name="app",
        asset="apps",
        description="Apps of App Platform: what was asked for, without environment and secrets.",
        # Without the parameter apps have no project_id.
        endpoints=(Endpoint("/v2/apps", "apps", {"with_projects": "true"}),),
        scope="app:read",
        title="spec.name",
        region="region.slug",
        status="active_deployment.phase",
        tags=None,
        # Apps redeploy all the time; what somebody decided is the spec.
        noise=(
            "region", "updated_at", "active_deployment", "pending_deployment", "pinned_deployment",
            "in_progress_deployment", "last_deployment_active_at", "last_deployment_created_at",
            "progress", "cause", "domains.progress",
        ),
        # Commands and repository addresses are written by hand, and hold what hands put there.
        secret=(
            "owner_uuid", "*.envs", "*.log_destinations", "*.destinations", "*.notifications",
            "*.run_command", "*.build_command", "*.repo_clone_url", "*.db_user", "*.validations",
        ),
        urn_types=("app",),
        purpose=Purpose.CLOUD_SYNC_FULL,
    ),
    Kind(
        name="function_namespace",
        asset="function_namespaces",
        description="Namespaces of serverless functions, without their keys.",
        # Needs function:admin beside function:read.
        endpoints=(Endpoint("/v2/functions/namespaces", "namespaces", paged=False),),
        scope="function:read",
        identity="namespace",
        title="label",
        status=None,
        tags=None,
        noise=("updated_at",),
        secret=("key",),
        purpose=Purpose.CLOUD_SYNC_SLOW,
    ),
    Kind(
        name="spaces_key",
        asset="spaces_keys",
        description="Access keys to Spaces by id and grants, never their secrets.",
        endpoints=(Endpoint("/v2/spaces/keys", "keys"),),
        scope="spaces_key:read",
        identity="access_key",
        region=None,
        status=None,
        tags=None,
        secret=("secret_key",),
        purpose=Purpose.CLOUD_SYNC_SLOW,
    ),
    Kind(
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
    ),
    Kind(
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
    ),
    Kind(
        name="uptime_check",
        asset="uptime_checks",
        description="Uptime checks and what they probe from where.",
        endpoints=(Endpoint("/v2/uptime/checks", "checks"),),
        scope="uptime:read",
        region=None,
        status=None,
        tags=None,
        created_at=None,
        purpose=Purpose.CLOUD_SYNC_SLOW,
    ),
    Kind(
        name="uptime_alert",
        asset="uptime_alerts",
        description="Alerts of uptime checks, without whom they notify.",
        endpoints=(
            Endpoint(
                "/v2/uptime/checks/{parent}/alerts", "alerts", per="uptime_check",
                parent_field="check_id",
            ),
        ),
        scope="uptime:read",
        part_of=("uptime_check", "check_id"),
        region=None,
        status=None,
        tags=None,
        created_at=None,
        secret=("notifications",),
        purpose=Purpose.CLOUD_SYNC_SLOW,
    ),
    Kind(
        name="alert_policy",
        asset="alert_policies",
        description="Alert policies on metrics, without whom they notify.",
        endpoints=(Endpoint("/v2/monitoring/alerts", "policies"),),
        scope="monitoring:read",
        tags_name_targets=True,
        identity="uuid",
        title="description",
        region=None,
        status=None,
        created_at=None,
        secret=("alerts",),
        purpose=Purpose.CLOUD_SYNC_SLOW,
    ),
    Kind(
        name="autoscale_pool",
        asset="autoscale_pools",
        description="Autoscale pools; their members are droplets.",
        endpoints=(Endpoint("/v2/droplets/autoscale", "autoscale_pools"),),
        scope="droplet:read",
        region="droplet_template.region",
        size_slug="droplet_template.size",
        # Those of the template are the droplets'.
        tags=None,
        noise=("updated_at", "current_utilization", "active_resources_count"),
        secret=("droplet_template.user_data",),
        purpose=Purpose.CLOUD_SYNC_FULL,
    ),
    Kind(
        name="backup_policy",
        asset="backup_policies",
        description="When each droplet is backed up, if it is.",
        endpoints=(Endpoint("/v2/droplets/backups/policies", "policies"),),
        scope="droplet:read",
        part_of=("droplet", "droplet_id"),
        identity="droplet_id",
        title="droplet_id",
        region=None,
        status=None,
        tags=None,
        created_at=None,
        noise=("next_backup_window",),
        purpose=Purpose.CLOUD_SYNC_FULL,
    ),
    Kind(
        name="micro_droplet",
        asset="micro_droplets",
        description="MicroDroplets: small machines that pause when nobody uses them.",
        # In the official Go client only; the scope is a guess by the path.
        endpoints=(Endpoint("/v2/microdroplets/instances", "micro_droplets"),),
        scope="microdroplet:read",
        status="state",
        size_slug="size",
        # Given on creation; whether it is ever shown is not said.
        secret=("environment",),
        urn_types=("microdroplet",),
        purpose=Purpose.CLOUD_SYNC_FULL,
    ),
    Kind(
        name="image",
        asset="images",
        description="Images of the account's own: custom ones and backups.",
        endpoints=(Endpoint("/v2/images", "images", {"private": "true"}),),
        scope="image:read",
        region=None,
        noise=("slug", "error_message"),
        # A droplet snapshot is an image, too, with the same id.
        leave_out={"type": "snapshot"},
        urn_types=("image",),
        purpose=Purpose.CLOUD_SYNC_FULL,
    ),
    Kind(
        name="nfs_share",
        asset="nfs_shares",
        description="Network file shares and the networks that reach them.",
        # No paging in the specification, links in the official Go client: those are followed.
        endpoints=(Endpoint("/v2/nfs", "shares", paged=False),),
        scope="nfs:list",
        billed_alone=True,
        tags=None,
        noise=("access_points.updated_at",),
        purpose=Purpose.CLOUD_SYNC_FULL,
    ),
    Kind(
        name="nfs_snapshot",
        asset="nfs_snapshots",
        description="Snapshots of network file shares.",
        endpoints=(Endpoint("/v2/nfs/snapshots", "snapshots", paged=False),),
        scope="nfs:list",
        tags=None,
        purpose=Purpose.CLOUD_SYNC_FULL,
    ),
    Kind(
        name="database_replica",
        asset="database_replicas",
        description="Read-only replicas of database clusters, without any credentials.",
        endpoints=(
            Endpoint(
                "/v2/databases/{parent}/replicas", "replicas", paged=False, per="database",
                parent_field="database_id",
            ),
        ),
        scope="database:read",
        billed_alone=True,
        size_slug="size",
        keep=dict.fromkeys(("connection", "private_connection"), ("host", "port", "database")),
        purpose=Purpose.CLOUD_SYNC_SLOW,
    ),
    Kind(
        name="domain_record",
        asset="domain_records",
        description="The records of the DNS zones.",
        endpoints=(
            Endpoint(
                "/v2/domains/{parent}/records", "domain_records", per="domain",
                parent_field="domain",
            ),
        ),
        scope="domain:read",
        part_of=("domain", "domain"),
        region=None,
        status=None,
        tags=None,
        created_at=None,
        purpose=Purpose.CLOUD_SYNC_SLOW,
    ),
    Kind(
        name="agent",
        asset="agents",
        description="AI agents, their model and instruction.",
        endpoints=(Endpoint("/v2/gen-ai/agents", "agents"),),
        scope="genai:read",
        identity="uuid",
        status="deployment.status",
        noise=(
            "deployment.created_at", "deployment.updated_at", "deployment.uuid", "deployment.name",
            "updated_at", "version_hash", "route_created_at",
        ),
        keep=dict.fromkeys(("model", "model_router", "template"), ("uuid", "name")),
        # Addresses of agents answer whoever has a key; people are named by number.
        secret=(
            "url", "deployment.url", "user_id", "route_created_by", "chatbot_identifiers",
            "mcp_servers", "functions",
        ),
        purpose=Purpose.CLOUD_SYNC_SLOW,
    ),
    Kind(
        name="knowledge_base",
        asset="knowledge_bases",
        description="Knowledge bases of agents, and the database that holds each.",
        endpoints=(Endpoint("/v2/gen-ai/knowledge_bases", "knowledge_bases"),),
        scope="genai:read",
        identity="uuid",
        status=None,
        noise=("last_indexing_job", "updated_at", "added_to_agent_at"),
        secret=("user_id",),
        purpose=Purpose.CLOUD_SYNC_SLOW,
    ),
    Kind(
        name="custom_model",
        asset="custom_models",
        description="Models of the account's own, with their monthly cost estimate.",
        endpoints=(Endpoint("/v2/gen-ai/custom_models", "models"),),
        scope="genai:read",
        identity="uuid",
        region="storage_region",
        tags="tags.tags",
        noise=("updated_at", "active_deployments", "error_message"),
        secret=("team_id", "config_json"),
        purpose=Purpose.CLOUD_SYNC_SLOW,
    ),
    Kind(
        name="dedicated_inference",
        asset="dedicated_inferences",
        description="Dedicated inference deployments and their accelerators.",
        endpoints=(Endpoint("/v2/dedicated-inferences", "dedicated_inferences"),),
        scope="dedicated_inference:read",
        title="spec.name",
        tags=None,
        noise=("updated_at",),
        purpose=Purpose.CLOUD_SYNC_SLOW,
    ),
    Kind(
        name="vector_database",
        asset="vector_databases",
        description="Managed vector databases.",
        endpoints=(Endpoint("/v2/vector-databases", "vector_dbs"),),
        scope="database:read",
        size_slug="size",
        noise=("updated_at",),
        secret=("owner_uuid",),
        purpose=Purpose.CLOUD_SYNC_SLOW,
    ),
    Kind(
        name="addon",
        asset="addons",
        description="Add-ons of other vendors, with their plan and price.",
        endpoints=(Endpoint("/v2/add-ons/saas", "resources", paged=False),),
        scope="addon:read",
        identity="uuid",
        region=None,
        status="state",
        size_slug="plan_slug",
        tags=None,
        created_at=None,
        noise=("message",),
        # What the vendor's configuration holds is the vendor's idea.
        secret=("metadata", "sso_url"),
        purpose=Purpose.CLOUD_SYNC_SLOW,
    ),
)  # fmt: skip

"""The kinds that the API lists."""

SPACES_BUCKET = Kind(
    name="spaces_bucket",
    asset="spaces_buckets",
    description="Spaces buckets, by S3's ListBuckets in each region; without a key pair for Spaces "
    "those that projects, CDN endpoints and Spaces keys name, as `known_from` says.",
    # Of another server and in another protocol than all the others: see buckets.py.
    endpoints=(Endpoint("https://{region}.digitaloceanspaces.com/", "Buckets", paged=False),),
    # No scope of a token's: the permission of a Spaces key.
    scope="fullaccess",
    identity="name",
    status=None,
    tags=None,
    urn_types=("space",),
    purpose=Purpose.CLOUD_SYNC_SLOW,
)

REGISTRY: tuple[Kind, ...] = (*KINDS, SPACES_BUCKET)
"""All kinds, whatever lists them."""

KIND_BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in REGISTRY}

KIND_OF_URN_TYPE: Mapping[str, str] = {
    urn_type: kind.name for kind in REGISTRY for urn_type in kind.urn_types
}

UNKNOWN = "unknown"
"""The kind of what a project holds and whose urn type nobody told us about."""
