"""The kinds that only have to be there: their objects are the official examples' in shape.

Nobody is billed for any of them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import Response

from . import catalog
from .api import Call, json_response, page_of
from .droplets import is_worker
from .lives import Life, iso
from .plain import SHAPES, Noise, held, new_integer, plain, updated
from .registry import KINDS, TAGGED

if TYPE_CHECKING:
    from .account import SimulatedAccount
    from .view import View


# ---- network


def _vpcs(account: SimulatedAccount, _rng: Random) -> None:
    """One in each region, made with the account: what is in the region lies in it."""
    for region in catalog.REGIONS if account.droplets else ():
        facts = {**SHAPES["vpc"], "name": f"default-{region}", "region": region}
        account.add_life("vpc", account.vpc_uuid(region), facts, account.history_start)


def _ipv6(account: SimulatedAccount, rng: Random) -> str:
    return f"fd53:616d:6d60::{account.new_int(rng, 1, 65_535):x}"


plain(
    "vpc", "/v2/vpcs", "vpcs", "vpc", "vpc:read", populate=_vpcs, links="empty",
    noise=lambda _view, life: {"urn": f"do:vpc:{life.id}"},
)  # fmt: skip
plain("vpc_peering", "/v2/vpc_peerings", "vpc_peerings", "vpc_peering", "vpc_peering:read")
plain(
    "nat_gateway", "/v2/vpc_nat_gateways", "vpc_nat_gateways", "vpc_nat_gateway",
    "nat_gateway:read", noise=updated, says_project=True,
)  # fmt: skip
plain(
    "firewall", "/v2/firewalls", "firewalls", "firewall", "firewall:read",
    refs={"droplet_ids": "droplet"},
    noise=lambda view, life: {
        "pending_changes": [{"droplet_id": 1, "removing": False, "status": "waiting"}]
        if view.chance(life.id, 3) else [],
    },
)  # fmt: skip
plain(
    "reserved_ipv6", "/v2/reserved_ipv6", "reserved_ipv6s", "reserved_ipv6", "reserved_ip:read",
    identity="ip", created="reserved_at", new_id=_ipv6,
)  # fmt: skip
plain(
    "byoip_prefix", "/v2/byoip_prefixes", "byoip_prefixes", "byoip_prefix", "byoip_prefix:read",
    identity="uuid", created=None, says_project=True,
    noise=lambda view, life: {"locked": view.chance(life.id, 4)},
)  # fmt: skip
plain(
    "partner_attachment", "/v2/partner_network_connect/attachments", "partner_attachments",
    "partner_attachment", "partner_network_connect:read",
    noise=lambda _view, life: {"urn": f"do:partner_attachment:{life.id}"},
)  # fmt: skip
plain("certificate", "/v2/certificates", "certificates", "certificate", "certificate:read")
plain("cdn_endpoint", "/v2/cdn/endpoints", "endpoints", "endpoint", "cdn:read", tight_limit=(5, 10))
plain(
    "domain_record", "/v2/domains/{parent}/records", "domain_records", "domain_record",
    "domain:read", parent="domain", children=2, created=None, new_id=new_integer,
)  # fmt: skip


# ---- computers and what runs on them


def _policies(call: Call) -> Response:
    """An object by droplet id, paged like a list."""
    rows = call.account.listing("backup_policy")
    page = page_of(call, "policies", rows, lambda life: call.account.render(life, call.view))
    answer = orjson.loads(page.body)
    answer["policies"] = {str(policy["droplet_id"]): policy for policy in answer["policies"]}
    return json_response(answer)


def _some_policies(account: SimulatedAccount, _rng: Random) -> None:
    for droplet in account.alive("droplet"):
        facts = copy.deepcopy(SHAPES["backup_policy"]) | {"parent": droplet.id}
        if "backups" not in droplet.facts["features"]:
            facts["backup_enabled"] = False
            del facts["backup_policy"]
        at = droplet.versions[-1].valid_from
        account.add_life("backup_policy", droplet.id, facts, at)


def _window(view: View, life: Life) -> dict[str, Any]:
    if not life.facts["backup_enabled"]:
        return {}
    end = view.at + timedelta(hours=4)
    return {"next_backup_window": {"start": iso(view.at), "end": iso(end)}}


plain(
    "backup_policy", "/v2/droplets/backups/policies", "policies", "policy", "droplet:read",
    identity="droplet_id", created=None, new_id=new_integer, noise=_window, list=_policies,
    ends_with="droplet", populate=_some_policies,
)  # fmt: skip
plain(
    "autoscale_pool", "/v2/droplets/autoscale", "autoscale_pools", "autoscale_pool",
    "droplet:read",
    noise=lambda view, life: {
        "updated_at": iso(view.at),
        "current_utilization": {"memory": view.epoch % 97 / 100, "cpu": view.epoch % 89 / 100},
        "active_resources_count": 1 + view.chance(life.id, 5),
    },
)  # fmt: skip


def _some_members(account: SimulatedAccount, _rng: Random) -> None:
    """Let each pool have made two of the droplets that are no workers."""
    free = [life for life in account.alive("droplet") if not is_worker(life)]
    for pool in account.alive("autoscale_pool"):
        for droplet in free[:2]:
            at = max(droplet.created_at, pool.created_at)
            account.add_life("autoscale_member", droplet.id, {"parent": pool.id}, at)
        del free[:2]


plain(
    "autoscale_member", "/v2/droplets/autoscale/{parent}/members", "droplets", "droplet",
    "droplet:read", parent="autoscale_pool", identity="droplet_id", new_id=new_integer,
    ends_with="droplet", populate=_some_members,
    noise=lambda view, life: {
        "updated_at": iso(view.at), "health_status": "healthy", "status": "active",
        "current_utilization": {"memory": view.epoch % 83 / 100, "cpu": view.chance(life.id, 90)},
    },
)  # fmt: skip


def _of_app(view: View, life: Life) -> dict[str, Any]:
    active = held("app_deployment", "active_deployment")(view, life)["active_deployment"]
    # Whose it is stands outside of it.
    return {"active_deployment": active[0] | {"id": active[0].pop("app_id")}} if active else {}


plain(
    "app", "/v2/apps", "apps", "app", "app:read", urn="app", says_project=True,
    params=frozenset({"with_projects"}),
    noise=lambda view, life: {
        "updated_at": iso(view.at),
        "last_deployment_created_at": iso(view.at),
        "cause": f"commit {view.epoch:x} pushed",
        "progress": SHAPES["app_progress"] | {"success_steps": view.epoch % 6},
        **_of_app(view, life),
    },
)  # fmt: skip
plain(
    "function_namespace", "/v2/functions/namespaces", "namespaces", "namespace", "function:read",
    identity="namespace", paged=False, new_id=lambda a, rng: f"fn-{a.new_uuid(rng)}",
    noise=lambda view, life: {"updated_at": iso(view.at), "uuid": str(life.id)[3:]},
)  # fmt: skip
plain("addon", "/v2/add-ons/saas", "resources", "resource", "addon:read", identity="uuid",
       paged=False, created=None)  # fmt: skip

# ---- storage and data


plain(
    "nfs_share", "/v2/nfs", "shares", "share", "nfs:list", paged=False,
    params=frozenset({"region"}), noise=held("nfs_access_point", "access_points"),
)  # fmt: skip
plain(
    "nfs_snapshot", "/v2/nfs/snapshots", "snapshots", "snapshot", "nfs:list", paged=False,
    params=frozenset({"region"}),
)  # fmt: skip
plain(
    "database_replica", "/v2/databases/{parent}/replicas", "replicas", "replica", "database:read",
    parent="database", paged=False,
)  # fmt: skip
plain(
    "spaces_key", "/v2/spaces/keys", "keys", "key", "spaces_key:read", identity="access_key",
    new_id=lambda a, rng: f"DO00SIMULATED{a.new_int(rng, 1, 9_999_999):07d}",
)  # fmt: skip


def _vector_databases(call: Call) -> Response:
    """The total beside the items, no `links` and no `meta`."""
    rows = call.account.listing("vector_database")
    page = page_of(call, "vector_dbs", rows, lambda life: call.account.render(life, call.view))
    answer = orjson.loads(page.body)
    return json_response({"vector_dbs": answer["vector_dbs"], "total": answer["meta"]["total"]})


plain(
    "vector_database", "/v2/vector-databases", "vector_dbs", "vector_db", "database:read",
    noise=updated, list=_vector_databases, says_project=True,
)  # fmt: skip

# ---- watching and keys


_COUNTERS = {
    "droplets": (("droplet", "/v2/droplets"),),
    # A droplet's snapshot is an image, too.
    "images": (("image", "/v2/images"), ("droplet_snapshot", "/v2/images")),
    "volumes": (("volume", "/v2/volumes"),),
    "volume_snapshots": (("volume_snapshot", "/v2/snapshots"),),
    "databases": (("database", "/v2/databases"),),
}


def _some_tags(account: SimulatedAccount, _rng: Random) -> None:
    """Those that anything carries, and one that nothing does."""
    used = {"unused": account.history_start} if account.droplets else {}
    for kind in TAGGED:
        for life in account.alive(kind):
            for tag in life.facts["tags"]:
                used[tag] = min(life.created_at, used.get(tag, life.created_at))
    for tag, at in used.items():
        account.add_life("tag", tag, {}, at)


def _tagged(view: View, life: Life) -> dict[str, Any]:
    """Count who has it that the token may see, and return the last of them."""

    def counter(uris: list[str]) -> dict[str, Any]:
        return {"count": len(uris), **({"last_tagged_uri": uris[-1]} if uris else {})}

    of = {
        name: [
            f"{view.base_url}{path}/{one}"
            for kind, path in kinds
            # Snapshots of droplets are seen among the images.
            if view.can("image:read" if name == "images" else KINDS[kind].scope)
            for one in view.holders(kind, "tags").get(life.id, [])
        ]
        for name, kinds in _COUNTERS.items()
    }
    every = [uri for uris in of.values() for uri in uris]
    return {"resources": {**counter(every), **{name: counter(uris) for name, uris in of.items()}}}


plain(
    "tag", "/v2/tags", "tags", "tag", "tag:read", identity="name", created=None, links="empty",
    new_id=lambda a, rng: f"tag-{a.new_int(rng, 1000, 999_999)}", noise=_tagged,
    populate=_some_tags,
)  # fmt: skip

plain("uptime_check", "/v2/uptime/checks", "checks", "check", "uptime:read", created=None)
plain(
    "uptime_alert", "/v2/uptime/checks/{parent}/alerts", "alerts", "alert", "uptime:read",
    parent="uptime_check", created=None,
)  # fmt: skip
plain(
    "alert_policy", "/v2/monitoring/alerts", "policies", "policy", "monitoring:read",
    identity="uuid", created=None,
)  # fmt: skip
plain(
    "ssh_key", "/v2/account/keys", "ssh_keys", "ssh_key", "ssh_key:read", created=None,
    new_id=new_integer, tight_limit=(10, 60),
)  # fmt: skip

# ---- AI


def _counting_pages(name: str, envelope: str) -> Callable[[Call], Response]:
    """gen-ai says in `meta` which page of how many this is."""

    def answer(call: Call) -> Response:
        rows = call.account.listing(name)
        page = page_of(call, envelope, rows, lambda life: call.account.render(life, call.view))
        made = orjson.loads(page.body)
        pages = max(1, -(-len(rows) // int(call.params.get("per_page", 20))))
        made["meta"] |= {"page": int(call.params.get("page", 1)), "pages": pages}
        return json_response(made)

    return answer


def _gen_ai(
    name: str, envelope: str, singular: str, noise: Noise, *, says_project: bool = False
) -> None:
    plain(
        name, f"/v2/gen-ai/{name}s" if name != "custom_model" else "/v2/gen-ai/custom_models",
        envelope, singular, "genai:read", identity="uuid", noise=noise,
        list=_counting_pages(name, envelope), says_project=says_project,
    )  # fmt: skip


_gen_ai("agent", "agents", "agent", updated, says_project=True)
_gen_ai(
    "knowledge_base", "knowledge_bases", "knowledge_base",
    lambda view, _life: {
        "updated_at": iso(view.at),
        "last_indexing_job": SHAPES["last_indexing_job"] | {"tokens": view.epoch},
    },
    says_project=True,
)  # fmt: skip
_gen_ai("custom_model", "models", "model", updated)
plain(
    "dedicated_inference", "/v2/dedicated-inferences", "dedicated_inferences",
    "dedicated_inference", "dedicated_inference:read", noise=updated, links="projects",
)  # fmt: skip
