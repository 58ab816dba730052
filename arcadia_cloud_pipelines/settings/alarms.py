"""Where alarms go: the addresses of the environment, and the dead man's switch."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from .environment_file import SettingsError
from .secret import Secret, read_secret

NOTIFY_URLS = "ARCADIA_NOTIFY_URLS"
"""Addresses that alarms go to; `ARCADIA_NOTIFY_URLS_<NAME>` are further ones, for rules."""


def alarm_settings(
    environ: Mapping[str, str],
) -> tuple[dict[str, tuple[Secret, ...]], Secret | None, tuple[str, ...]]:
    """Read the addresses of alarms and the dead man's switch.

    What cannot be used is a problem that the alarms tell of, not an error: it stops nothing else.
    """
    names = {name.removesuffix("_FILE") for name in environ if name.startswith(NOTIFY_URLS)}
    found, problems = {}, []
    for name in sorted(names):
        try:
            value = read_secret(environ, name)
            if value is not None:
                found[name] = tuple(map(Secret, value.reveal().split()))
        except SettingsError as error:
            problems.append(str(error))
    heartbeat = None
    try:
        heartbeat = _heartbeat(environ)
    except SettingsError as error:
        problems.append(str(error))
    return found, heartbeat, tuple(problems)


def _heartbeat(environ: Mapping[str, str]) -> Secret | None:
    name = "ARCADIA_HEARTBEAT_URL"
    url = read_secret(environ, name)
    if url is None:
        return None
    # Not shown: whoever knows it can keep the switch from going off.
    problem = f"{name} must be an https:// address (http:// on this machine alone), without a user"
    try:
        parts = urlsplit(url.reveal())
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise SettingsError(problem) from None
    loopback = host in ("localhost", "127.0.0.1", "::1")
    if (
        not host
        or parts.scheme not in (("https", "http") if loopback else ("https",))
        or "@" in parts.netloc
        or any(c.isspace() or not c.isprintable() for c in url.reveal())
    ):
        raise SettingsError(problem)
    return url
