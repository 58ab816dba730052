"""This machine's clock, against others'."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

import requests

from ...common.times import Clock
from ...settings import Settings
from ...warehouse.engine import Warehouse
from ...warehouse.errors import WarehouseError
from .findings import Finding, neither, well, wrong

TOLERANCE = timedelta(seconds=60)
_REMEDY = "set this machine's clock, with NTP"


def check_clock(settings: Settings, warehouse: Warehouse | None, now: Clock) -> Iterator[Finding]:
    """Does this machine's clock agree with the API's and with the warehouse's?"""
    off_warehouse = _off_warehouse(warehouse, now)
    if off_warehouse is not None and abs(off_warehouse) > TOLERANCE:
        yield wrong("clock", f"{_text(off_warehouse)} the warehouse's", _REMEDY)
        return
    if not settings.has_account:
        return
    try:
        # Without the token: any answer has the time.
        answer = requests.get(
            f"{settings.api_url}/v2/account", timeout=(5, 20), allow_redirects=False
        )
    except requests.RequestException:
        yield neither("clock", "the API does not answer, so there is nothing to compare with")
        return
    local = now()
    theirs: datetime | None = None
    with suppress(ValueError, TypeError):
        theirs = parsedate_to_datetime(answer.headers.get("date", ""))
    if theirs is None or theirs.tzinfo is None:
        yield neither("clock", "the API's answer has no time to compare with")
        return
    off = local - theirs
    text = f"{_text(off)} the API's"
    if abs(off) <= TOLERANCE:
        yield well("clock", text)
    elif _on_this_machine(settings.api_url):
        # It has no clock but ours, so what it says is a time of its own, as a simulator's.
        yield neither("clock", f"{text}, which is on this machine and has a time of its own")
    else:
        yield wrong("clock", text, _REMEDY)


def _off_warehouse(warehouse: Warehouse | None, now: Clock) -> timedelta | None:
    if warehouse is None:
        return None
    try:
        theirs = warehouse.now()
    except WarehouseError:
        return None
    return now() - theirs


def _text(off: timedelta) -> str:
    seconds = off.total_seconds()
    return f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'}"


def _on_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
