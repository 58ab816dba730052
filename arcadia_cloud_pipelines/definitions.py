"""Table of contents: everything that Dagster knows of this deployment."""

from __future__ import annotations

import dagster as dg

from .inventory import definitions as inventory

# One process a run: a process for each step would cost more than the work.
defs = dg.Definitions.merge(
    inventory.defs,
    dg.Definitions(executor=dg.in_process_executor),
)
