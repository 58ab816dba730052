"""The account itself and the two catalogues: `/v2/account`, `/v2/regions`, `/v2/sizes`."""

from __future__ import annotations

from starlette.responses import Response

from . import catalog
from .call import Call, json_response
from .paging import page_of
from .registry import Route, register_route

_PAGING = frozenset({"page", "per_page"})


def _account(call: Call) -> Response:
    account = call.account
    return json_response(
        {
            "account": {
                "droplet_limit": max(25, account.droplets * 2),
                "floating_ip_limit": 5,
                "email": "user@example.com",
                "name": "Example Customer",
                "uuid": account.owner_uuid,
                "email_verified": True,
                "status": "active",
                "status_message": "",
                "team": {"uuid": account.team_uuid, "name": "My Team"},
            }
        }
    )


def _regions(call: Call) -> Response:
    slugs = [*catalog.REGIONS, *catalog.CLOSED_REGIONS]
    return page_of(call, "regions", slugs, call.view.region)


def _sizes(call: Call) -> Response:
    # Retired sizes are missing here, although old droplets still carry them.
    slugs = [size.slug for size in catalog.SIZES.values() if not size.legacy]
    return page_of(call, "sizes", slugs, call.view.size)


register_route(Route(method="GET", path="/v2/account", scope="account:read", handle=_account))
for _path, _scope, _handle in (
    ("/v2/regions", "regions:read", _regions),
    ("/v2/sizes", "sizes:read", _sizes),
):
    register_route(Route(method="GET", path=_path, scope=_scope, handle=_handle, params=_PAGING))
