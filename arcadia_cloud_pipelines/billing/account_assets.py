"""Assets of what is known beside the invoices: prices, limits, prepayment, daily costs."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from ..common import foreign_text
from ..dagster_support.assets import RESOURCES_ASSET
from ..dagster_support.errors import unless_out
from ..dagster_support.metadata import metadata
from ..digitalocean import DigitalOcean
from ..digitalocean.clients import Clients
from ..warehouse.engine import Warehouse
from .account_facts import sync_account_facts
from .assets import PURPOSE, from_api
from .fact_tables import cloud_account_facts, cloud_daily_costs, cloud_prepayments, cloud_rates
from .insights import sync_daily_costs
from .prepayment import sync_prepayment
from .rates import sync_rates


@from_api(cloud_rates)
def rate_card(
    warehouse: dg.ResourceParam[Warehouse], clients: dg.ResourceParam[Clients]
) -> Iterator[dg.MaterializeResult]:
    """List prices of the plans in DigitalOcean's catalogue, dated.

    Mirrors the prices of `GET /v2/sizes` into `cloud_rates`. Needs the token scope `sizes:read`.
    """
    card = unless_out(clients, PURPOSE, lambda client: sync_rates(warehouse, client))
    if card is None:
        return
    yield dg.MaterializeResult(
        metadata=metadata(
            {"dagster/row_count": card.plans},
            changed=card.changed,
            problem=card.problem,
            complete=card.complete,
        )
    )


@from_api(cloud_account_facts)
def account_facts(
    warehouse: dg.ResourceParam[Warehouse], clients: dg.ResourceParam[Clients]
) -> Iterator[dg.MaterializeResult]:
    """Limits and state of the account, dated.

    Mirrors `GET /v2/account` into `cloud_account_facts`; names and mail addresses are dropped.
    Needs the token scope `account:read`.
    """
    read = unless_out(clients, PURPOSE, lambda client: sync_account_facts(warehouse, client))
    if read is not None:
        yield dg.MaterializeResult(
            metadata=metadata(dict(sorted(read.facts.items())), changed=read.changed)
        )


@from_api(cloud_prepayments)
def prepayments(
    warehouse: dg.ResourceParam[Warehouse], clients: dg.ResourceParam[Clients]
) -> Iterator[dg.MaterializeResult]:
    """Mirror what is paid in advance, and whether usage is stopped.

    Reads `GET /v2/customers/my/prepayment_status` and `…/prepayment_config` into
    `cloud_prepayments`. Most teams have neither; nothing is written then. Needs `billing:read`.
    """

    def read(client: DigitalOcean) -> dict[str, Any]:
        found = sync_prepayment(warehouse, client)
        if found is None:
            return {"available": False}
        return {name: str(value) for name, value in vars(found).items() if value is not None}

    said = unless_out(clients, PURPOSE, read)
    if said is not None:
        yield dg.MaterializeResult(metadata=metadata(said))


@from_api(cloud_daily_costs, after=[RESOURCES_ASSET])
def daily_costs(
    context: dg.AssetExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    clients: dg.ResourceParam[Clients],
) -> Iterator[dg.MaterializeResult]:
    """The cost of each day since December 2025, by SKU and region.

    Mirrors `GET /v2/billing/{account_urn}/insights/{start}/{end}` into `cloud_daily_costs`: the
    whole history once, then the last days again. A day that is said otherwise is a revision, kept
    in `cloud_cost_days`. Needs the token scope `billing:read`; an account without insights is
    told, and nothing else fails for it.
    """
    read = unless_out(clients, PURPOSE, lambda client: sync_daily_costs(warehouse, client))
    if read is None:
        return
    for problem in read.problems:
        context.log.warning(foreign_text.line(problem))
    yield dg.MaterializeResult(
        metadata=metadata(
            available=None if read.available else False,
            days_read=read.days,
            rows_read=read.rows,
            days_changed=read.changed,
            days_revised=read.revised,
            problems="\n".join(map(foreign_text.line, read.problems)),
        )
    )


ASSETS: list[dg.AssetsDefinition] = [rate_card, account_facts, prepayments, daily_costs]
