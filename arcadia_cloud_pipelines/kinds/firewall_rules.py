"""Tell whether rules of a firewall let more in than was meant."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any, NamedTuple

_ALL_PORTS = (0, 65535)


class Grant(NamedTuple):
    """One party that may reach some ports by one protocol."""

    protocol: str
    ports: tuple[int, int]
    """The first and the last one."""
    party: str
    """`addresses/10.0.0.0/8`, `tags/web`: the list of the rule that names it, and its name."""

    def covers(self, other: Grant) -> bool:
        """Return whether all that the other lets in is let in by this one."""
        return (
            self.protocol == other.protocol
            and self.ports[0] <= other.ports[0]
            and other.ports[1] <= self.ports[1]
            and _holds(self.party, other.party)
        )


def lets_more_in(desired: Any, actual: Any) -> bool:
    """Return whether the actual inbound rules let in what the desired ones do not.

    `10.0.0.0/8` to `10.1.0.0/16` closes, the other way round opens. Two desired rules that cover
    an actual one only together count as an opening, and so does what nobody can read: a false
    fire is better than an open door that nobody hears of.

    Args:
        desired: a JSON value, most often a list of rules as the API tells them.
        actual: another.
    """
    try:
        wanted, found = list(_grants(desired)), list(_grants(actual))
    except (TypeError, ValueError, AttributeError):
        return True
    allowed = [grant for action, grant in wanted if action == "allow"]
    denied = [grant for action, grant in found if action != "allow"]
    return any(
        action == "allow" and not any(wide.covers(grant) for wide in allowed)
        for action, grant in found
    ) or any(
        action != "allow" and not any(wide.covers(grant) for wide in denied)
        for action, grant in wanted
    )


def _grants(rules: Any) -> Iterator[tuple[str, Grant]]:
    """Yield action and grant of each party of each rule.

    Raises:
        TypeError, ValueError, AttributeError: these are not rules of a firewall.
    """
    for rule in rules or ():
        ports = _ports(rule.get("ports"))
        for kind, parties in (rule.get("sources") or {}).items():
            for party in parties or ():
                yield (
                    str(rule.get("action") or "allow").casefold(),
                    Grant(str(rule["protocol"]).casefold(), ports, f"{kind}/{party}"),
                )


def _ports(text: Any) -> tuple[int, int]:
    """Return the first and last port of `22`, `8000-9000`, `all`, or nothing for all."""
    if text in (None, "", 0, "0", "all"):
        return _ALL_PORTS
    first, _, last = str(text).partition("-")
    low, high = int(first), int(last or first)
    return _ALL_PORTS if (low, high) == (1, 65535) else (low, high)


def _holds(wide: str, narrow: str) -> bool:
    """Return whether one party is the other, or a network that holds it."""
    if wide == narrow:
        return True
    kinds, parties = zip(*(party.split("/", 1) for party in (wide, narrow)), strict=True)
    if kinds != ("addresses", "addresses"):
        return False
    try:
        outer, inner = (ipaddress.ip_network(party, strict=False) for party in parties)
        return outer.version == inner.version and inner.subnet_of(outer)  # type: ignore[arg-type]
    except ValueError:
        return False
