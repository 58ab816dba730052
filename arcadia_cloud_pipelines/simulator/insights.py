"""What watches, and the organisation: kinds of 2026."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .plain import plain, updated

if TYPE_CHECKING:
    pass

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
