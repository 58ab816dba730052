"""A dead man's switch: an address that is asked for after each good refresh.

Whoever keeps the address raises an alarm when it is not asked for, which works when nothing here
does. Nothing is sent but the request itself.
"""

from __future__ import annotations

import logging
from datetime import datetime

import requests
from requests.auth import AuthBase

from ..common.late import CLOCK_TOLERANCE, HOURLY
from ..settings.secret import Secret

TOO_OLD = HOURLY
"""A refresh of before then says nothing of now."""

logger = logging.getLogger(__name__)


class _NoLogin(AuthBase):
    """Keeps a password out of ~/.netrc from being sent."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def is_due(refreshed_at: datetime | None, pinged: datetime | None, now: datetime) -> bool:
    """Return whether there is a refresh that nobody was told of."""
    if refreshed_at is None or now - refreshed_at > TOO_OLD:
        return False
    # By a clock that was ahead nobody was told of what comes now.
    return pinged is None or refreshed_at > pinged or pinged > now + CLOCK_TOLERANCE


def ping(url: Secret) -> bool:
    """Ask for the address; False, with a line in the log, when it did not answer well."""
    try:
        with requests.Session() as session:
            answer = session.get(
                url.reveal(), timeout=(4, 8), allow_redirects=False, auth=_NoLogin(), stream=True,
                headers={"User-Agent": "arcadia"},
            )  # fmt: skip
            answer.close()
    except requests.RequestException as error:
        logger.warning("ARCADIA_HEARTBEAT_URL did not answer: %s", type(error).__name__)
        return False
    if not answer.ok or answer.is_redirect:
        logger.warning("ARCADIA_HEARTBEAT_URL answered %d", answer.status_code)
        return False
    return True
