"""Tags, checks, alerts and keys that only have to be there, as `others` says."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from .lives import Life
from .plain import new_integer, plain
from .registry import KINDS, TAGGED

if TYPE_CHECKING:
    from .account import SimulatedAccount
    from .view import View


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
