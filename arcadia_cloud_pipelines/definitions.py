"""Table of contents: everything that Dagster knows of this deployment."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _without_garbage() -> Iterator[None]:
    """Look for no garbage meanwhile, and never again at what is there at the end.

    What loading makes stays: looking through it again and again takes a fifth of the time of each
    run's start. A process whose loading failed looks for garbage as before: code servers live on.
    """
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


with _without_garbage():
    import dagster as dg

    from .allocation import definitions as allocation
    from .billing import definitions as billing
    from .drift import definitions as drift
    from .forecast import definitions as forecast
    from .inventory import definitions as inventory
    from .marts import definitions as marts
    from .operations import definitions as operations
    from .operations.code_references import with_code_references
    from .operations.executors import executor_definition
    from .settings import executor_name
    from .tagging import definitions as tagging

    defs = with_code_references(
        dg.Definitions.merge(
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
    )
