"""Telling the team about newly opened drift, once.

Where to is configuration: `ARCADIA_NOTIFY_URLS` (or `_FILE`) holds apprise URLs, separated by
white space: `slack://…`, `mailto://…`, `json://…` (https://github.com/caronc/apprise). They carry
credentials, so they are secrets. Without any, the log is the channel.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from ..foreign_text import chat
from ..settings import Secret, load_settings
from ..times import Clock, utc_now
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .errors import DriftError
from .inbox import DriftRecord

NOTIFY_URLS = "ARCADIA_NOTIFY_URLS"
SHOWN = 20
"""How many records a message spells out."""

Channel = Callable[[str, str], None]
"""Takes title and text; raises NotifyError when it could not deliver."""


class NotifyError(DriftError):
    """The team could not be told; the text names the setting. It is tried again."""


def apprise_channel(urls: Sequence[Secret]) -> Channel:
    """A channel that delivers to every address.

    Raises:
        NotifyError: apprise does not know one of the addresses.
    """
    import apprise

    # Its own log lines can hold parts of an address.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    service = apprise.Apprise()
    for number, url in enumerate(urls, start=1):
        if not service.add(url.reveal()):
            raise NotifyError(
                f"{NOTIFY_URLS}: apprise does not know address {number} of {len(urls)}; see "
                "https://github.com/caronc/apprise for how they are written."
            )

    def deliver(title: str, text: str) -> None:
        # Said to be plain, so that each address gets it escaped for what it displays.
        if not service.notify(title=title, body=text, body_format=apprise.NotifyFormat.TEXT):
            raise NotifyError(
                f"{NOTIFY_URLS}: not all of the {len(urls)} addresses took the message; it is "
                "sent again to all."
            )

    return deliver


def configured_channel(log: Callable[[str], None]) -> Channel:
    """The channel that the environment asks for; `log` without one."""
    urls = load_settings().notify_urls
    return apprise_channel(urls) if urls else lambda title, text: log(f"{title}\n{text}")


_SQL = Statements(__file__)


def anything_to_tell(warehouse: Warehouse) -> bool:
    """Whether there is open drift that nobody was told of: one look into an index."""
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        return bool(_SQL.run(connection, "any_unnotified").scalar_one())


def tell(warehouse: Warehouse, channel: Channel, *, now: Clock = utc_now) -> int:
    """Tell the team of every open record it was not told of, in one message; how many there were.

    Two at once take turns. A message that failed is sent again; one that is delivered just before
    the machine dies may come twice.

    Raises:
        NotifyError: it could not be delivered.
    """
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        _SQL.run(connection, "lock")
        records = [DriftRecord(**row) for row in _SQL.run(connection, "unnotified").mappings()]
        if records:
            channel(*message(records))
            _SQL.run(connection, "told", {"ids": [r.id for r in records], "at": now()})
    return len(records)


def message(records: Sequence[DriftRecord]) -> tuple[str, str]:
    """Title and text of a message about newly opened drift."""
    lines = [
        chat(f"#{r.id} {r.kind} {r.name or r.provider_id}: {r.field} {r.says}")
        for r in records[:SHOWN]
    ]
    if len(records) > SHOWN:
        lines.append(f"… and {len(records) - SHOWN:,} more: arcadia drift list")
    lines.append("Accept with: arcadia drift accept ID")
    return f"New drift: {len(records):,}", "\n".join(lines)
