"""What watches, and the organisation: kinds of 2026."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from .lives import Life, ResourceId
from .plain import plain, updated

if TYPE_CHECKING:
    from .account import SimulatedAccount
    from .view import View

_AGENTS = "agent:read"
_GEN_AI = "genai:read"


def _named(word: str) -> Callable[[SimulatedAccount, Random], ResourceId]:
    """Return what makes identities that are names."""
    return lambda account, rng: f"{word}-{account.new_int(rng, 1, 9_999_999):07d}"


def _still(_view: View, _life: Life) -> dict[str, Any]:
    return {}


plain(
    "notification_channel", "/v2/insights/notification-channels", "notification_channels",
    "notification_channel", "insights:read", noise=updated,
)  # fmt: skip
plain(
    "alert_rule", "/v2/insights/alert-rules", "alert_rules", "alert_rule", "insights:read",
    noise=updated, params=frozenset({"resource_urn"}),
)  # fmt: skip
plain(
    "log_destination", "/v2/monitoring/sinks/destinations", "destinations", "destination",
    "monitoring:read", paged=False, created=None,
)  # fmt: skip
plain(
    "team", "/v2/organizations/teams", "teams", "team", "organization:read", identity="uuid",
    paged=False, created="joined_organization_at",
    noise=lambda view, _life: {"member_count": view.epoch % 7},
)  # fmt: skip
plain("security_scan", "/v2/security/scans", "scans", "scan", "security:read")
