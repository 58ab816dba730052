"""The kinds that only have to be there: their objects are the official examples' in shape.

Nobody is billed for any of them.
"""

from __future__ import annotations

import copy
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import Response

from .call import Call, json_response
from .droplet_facts import is_worker
from .lives import Life, iso
from .paging import page_of
from .plain import SHAPES, held, new_integer, plain, updated

if TYPE_CHECKING:
    from .account import SimulatedAccount
    from .view import View


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
