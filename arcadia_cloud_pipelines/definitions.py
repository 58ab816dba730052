"""Table of contents: everything that Dagster knows of this deployment."""

from __future__ import annotations

import dagster as dg

from .allocation import definitions as allocation
from .billing import definitions as billing
from .drift import definitions as drift
from .forecast import definitions as forecast
from .inventory import definitions as inventory
from .marts import definitions as marts
from .operations import definitions as operations
from .operations.executors import executor_definition
from .settings import executor_name
from .tagging import definitions as tagging

defs = dg.Definitions.merge(
    inventory.defs,
    billing.defs,
    allocation.defs,
    forecast.defs,
    tagging.defs,
    drift.defs,
    marts.defs,
    operations.defs,
    dg.Definitions(executor=executor_definition(executor_name())),
)
