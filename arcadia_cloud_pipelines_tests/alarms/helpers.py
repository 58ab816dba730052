"""What tests of alarms have in common."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from arcadia_cloud_pipelines.alarms.delivery import announce, deliver
from arcadia_cloud_pipelines.alarms.errors import NotifyError
from arcadia_cloud_pipelines.alarms.model import Alarm, Answer
from arcadia_cloud_pipelines.alarms.state import record_alarms, take_turn
from arcadia_cloud_pipelines.common.severity import Severity
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

T0 = datetime(2026, 11, 20, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def alarm(name: str, **values: Any) -> Alarm:
    given = {"subject": name, "text": f"{name} is bad", "advice": "mend it", **values}
    return Alarm(key=f"thing/{name}", **given)


class Inbox:
    """A channel that keeps what it takes, and can be out of order."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str]] = []
        self.broken = False

    def __call__(self, title: str, text: str) -> None:
        if self.broken:
            raise NotifyError("the channel is down")
        self.taken.append((title, text))

    def lines(self) -> list[str]:
        """One for each thing that was told: `✗ name` or `✓ name`."""
        return [
            f"{line[0]} {line.split(' · ')[-1].removeprefix('✓ ').split(':')[0]}"
            for _, text in self.taken
            for line in text.splitlines()
            if line[0] in "✗✓"
        ]


def tick(
    warehouse: Warehouse,
    now: datetime,
    bad: Sequence[Alarm],
    channels: dict[str, Inbox],
    *,
    well: frozenset[str] | None = None,
    unsure: frozenset[str] = frozenset(),
    send: bool = True,
) -> None:
    """One look at the scope `thing/`; `send` False is a process that dies before it sends."""
    with warehouse.transaction() as connection:
        assert take_turn(connection)
        record_alarms(connection, Answer("thing/", bad, well=well, unsure=unsure), now)
        announce(connection, lambda *_: channels.keys(), channels, now)
    if send:
        deliver(warehouse, channels, now, until=None)


CRITICAL = Severity.CRITICAL
