"""`arcadia doctor`: is all well, and if not, what is to be done?

Each check asks one thing and answers in findings. None changes anything, nor starts anything.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...common.times import Clock, utc_now
from ...settings import Settings
from ..home import Home
from .clock import check_clock
from .configuration import check_configuration
from .findings import Finding, Verdict
from .freshness import check_freshness
from .local import check_deployment, check_folder
from .rows import check_rows
from .storage import check_dagster_storage, check_warehouse
from .tokens import check_spaces, check_tokens
from .watched import check_watched

__all__ = ["Finding", "Verdict", "examine"]


def examine(settings: Settings, now: Clock = utc_now) -> Iterator[Finding]:
    """Look at everything, in the order in which things depend on each other."""
    home = Home(settings.home)
    yield from check_folder(settings, home)
    warehouse, findings = check_warehouse(settings)
    yield from findings
    yield from check_dagster_storage(settings)
    yield from check_clock(settings, warehouse, now)
    yield from check_tokens(settings, home, warehouse)
    yield from check_spaces(settings)
    yield from check_configuration(settings)
    if warehouse is not None:
        yield from check_freshness(settings, home, warehouse, now())
        yield from check_rows(warehouse)
        yield from check_watched(settings, home, warehouse, now())
    yield check_deployment(home)
