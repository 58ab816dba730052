"""When a source is late: the one place that says so, for checks, alarms, the doctor and the marts.

A source is late at three times the interval of its schedule. Kinds of resources are listed every
hour, by `inventory_schedule`; the others stand here by name. Dagster warns before that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

HOURLY = timedelta(hours=3)
"""For what is read every hour: all kinds of resources among it."""
DAILY = timedelta(days=3)
HOURLY_SOON = timedelta(minutes=90)
"""Age from which Dagster warns of what is read every hour: one refresh was missed."""
DRIFT_JUDGES = timedelta(hours=2)
"""Age up to which a listing is good enough to open or close drift: a decision rests on it, so it
is less than the age from which people are told."""
CLOCK_TOLERANCE = timedelta(minutes=1)
"""How far ahead of now a date may be: clocks of two machines are never the same."""


def lately(at: datetime, now: datetime, within: timedelta) -> bool:
    """Return whether something was within a time before now, such as a failure half an hour ago.

    A time ahead of now is a wrong clock's: waiting for it could take years.
    """
    return -CLOCK_TOLERANCE <= now - at < within


@dataclass(frozen=True)
class OtherSource:
    """A source that is no kind of resource."""

    name: str
    group: str
    """Group of its asset, by subject: inventory, billing, drift."""
    late_after: timedelta


OTHER_SOURCES = (
    OtherSource("unknown", "inventory", HOURLY),
    OtherSource("balance", "billing", HOURLY),
    OtherSource("invoice_list", "billing", DAILY),
    # There is one invoice a month, some days after its end.
    OtherSource("invoice_lines", "billing", timedelta(days=40)),
    OtherSource("open_month", "billing", DAILY),
    OtherSource("daily_costs", "billing", DAILY),
    OtherSource("prepayment", "billing", DAILY),
    OtherSource("forecast", "billing", DAILY),
    OtherSource("terraform_specs", "drift", HOURLY),
    OtherSource("drift", "drift", HOURLY),
)

LATE_AFTER = {source.name: source.late_after for source in OTHER_SOURCES}
