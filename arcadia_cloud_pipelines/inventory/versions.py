"""Tells Dagster which assets changed, so that its UI calls unsynced only what is behind."""

from collections.abc import Mapping
from functools import lru_cache

import dagster as dg

from .ledger import Recorded

VERSION = "dagster/data_version"
"""Dagster's own tag of a materialisation."""


def has_changed(recorded: Recorded) -> bool:
    """Return whether recording a listing changed what is known of any resource."""
    return any((recorded.discovered, recorded.updated, recorded.restored, recorded.deleted))


def data_version(context: dg.AssetExecutionContext, asset: str, *, changed: bool) -> dg.DataVersion:
    """Return the version of what an asset wrote: the one before, where nothing changed.

    Without it each hourly refresh would mark all that reads the inventory as unsynced.

    Args:
        context: of the step.
        asset: its name.
        changed: whether this run changed anything.
    """
    run = context.run.run_id
    if changed:
        return dg.DataVersion(run)
    keys = frozenset(context.job_def.asset_layer.executable_asset_keys)
    return dg.DataVersion(
        _versions_before(context.instance, run, keys).get(dg.AssetKey(asset), run)
    )


@lru_cache(maxsize=1)
def _versions_before(
    instance: dg.DagsterInstance,
    run_id: str,  # noqa: ARG001 - the next run reads them again
    keys: frozenset[dg.AssetKey],
) -> Mapping[dg.AssetKey, str]:
    """Return the newest version of each asset, read once a run."""
    found = {}
    for record in instance.get_asset_records(list(keys)):
        event = record.asset_entry.last_materialization
        told = event.asset_materialization if event is not None else None
        if told is not None and told.tags and VERSION in told.tags:
            found[record.asset_entry.asset_key] = told.tags[VERSION]
    return found
