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
from .tagging import definitions as tagging

# One process a run: a process for each step would cost more than the work.
defs = dg.Definitions.merge(
    inventory.defs,
    billing.defs,
    allocation.defs,
    forecast.defs,
    tagging.defs,
    drift.defs,
    marts.defs,
    operations.defs,
    dg.Definitions(executor=dg.in_process_executor),
)
