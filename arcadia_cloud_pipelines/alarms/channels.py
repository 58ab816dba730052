"""The channels of messages: apprise addresses out of settings, or the log.

A channel is one address, so that one that fails is repeated alone. It is named by the variable that
holds it and its place in it, `ARCADIA_NOTIFY_URLS 1`: addresses carry credentials and are never
shown.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from ..settings import Settings
from ..settings.alarms import NOTIFY_URLS
from ..settings.secret import Secret
from .errors import NotifyError

Channel = Callable[[str, str], None]
"""Takes title and text; raises NotifyError when it could not deliver."""

LOG = "log"

logger = logging.getLogger(__name__)


def log_channel(title: str, text: str) -> None:
    """Write the message to the log, as a warning."""
    logger.warning("%s\n%s", title, text)


def apprise_channel(name: str, url: Secret) -> Channel:
    """Return a channel that delivers to one address; a bad address fails when it is used."""

    def deliver(title: str, text: str) -> None:
        import apprise

        # Its own log lines can hold parts of an address.
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        service = apprise.Apprise()
        if not service.add(url.reveal()):
            raise NotifyError(
                f"{name}: this is not an address that apprise knows: write it as "
                "https://github.com/caronc/apprise shows."
            )
        if not service.notify(title=title, body=text, body_format=apprise.NotifyFormat.TEXT):
            raise NotifyError(
                f"{name}: the message was not accepted. It will be sent again: check the address."
            )

    return deliver


def address_names(variable: str, urls: Sequence[Secret]) -> list[str]:
    """Return the names of the channels of one variable."""
    return [f"{variable} {number}" for number in range(1, len(urls) + 1)]


def configured_channels(settings: Settings) -> dict[str, Channel]:
    """Return every channel that the settings name, and the log."""
    channels: dict[str, Channel] = {LOG: log_channel}
    for variable, urls in settings.notify.items():
        for name, url in zip(address_names(variable, urls), urls, strict=True):
            channels[name] = apprise_channel(name, url)
    return channels


def default_route(notify: Mapping[str, Sequence[Secret]]) -> tuple[str, ...]:
    """Return the channels of `ARCADIA_NOTIFY_URLS`, or the log when it is not set."""
    return tuple(address_names(NOTIFY_URLS, notify.get(NOTIFY_URLS, ()))) or (LOG,)


def unknown_addresses(settings: Settings) -> list[str]:
    """Return the names of the channels whose address apprise cannot read."""
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    return [
        name
        for variable, urls in settings.notify.items()
        for name, url in zip(address_names(variable, urls), urls, strict=True)
        if not apprise.Apprise().add(url.reveal())
    ]
