"""Shared parts of all Dagster definitions: owners, freshness, retries, resources.

With the other `dagster_*.py` the only module besides `assets.py`, `checks.py`, `sensors.py`,
`definitions.py` and `operations/` that imports Dagster.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import dagster as dg

from ..digitalocean.clients import Clients
from ..settings import asset_owners, load_settings
from ..settings.teams import TAG, settings_of_run
from ..warehouse.engine import Warehouse, open_warehouse
from .errors import reported_errors

OWNERS = asset_owners()
"""Of every asset: ARCADIA_OWNERS."""

DAILY = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=36), warn_window=timedelta(hours=26)
)
"""Freshness of what a schedule materialises once a day."""

HOURLY = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=3), warn_window=timedelta(minutes=90)
)
"""Freshness of what a schedule materialises once an hour."""

ACCOUNT_ASSET = dg.AssetKey("account")
"""Asked before whatever reads the API; a run without it goes on without it."""

RESOURCES_ASSET = dg.AssetKey("resources")
"""The table `cloud_resources` as a whole: what everybody who reads it depends on."""

RETRY = dg.RetryPolicy(
    max_retries=1, delay=15, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)
"""For errors that pass by themselves; the client has already tried for a while."""


def _clients(context: dg.InitResourceContext) -> Iterator[Clients]:
    run = context.run
    with reported_errors():
        settings = settings_of_run(load_settings(), run.tags.get(TAG) if run else None)
        clients = Clients(settings, context.resources.warehouse)
    try:
        yield clients
    finally:
        clients.close()


def _warehouse(_context: dg.InitResourceContext) -> Warehouse:
    with reported_errors():
        return open_warehouse(load_settings())


# Plain objects with a safe repr: the fields of a ConfigurableResource show in events and logs.
RESOURCES: Mapping[str, dg.ResourceDefinition] = {
    "clients": dg.ResourceDefinition(
        dg.resource(_clients).resource_fn,
        required_resource_keys={"warehouse"},
        description="DigitalOcean",
    ),
    "warehouse": dg.ResourceDefinition(_warehouse, description="The warehouse"),
}


def view_asset(key: dg.AssetKey | str, metadata: Mapping[str, Any], **options: Any) -> dg.AssetSpec:
    """Return an asset that is never a step: what it shows is as new as what it depends on.

    Dagster calls it virtual. In a run, what depends on it waits for what it depends on.

    Args:
        key: of the asset.
        metadata: such as `table_metadata` gives, where people find it.
        options: of `AssetSpec`, such as `deps`, `group_name` and `description`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetSpec(key, is_virtual=True, owners=OWNERS, metadata=metadata, **options)
