"""Checks and the alerts on them, without whom they notify."""

from __future__ import annotations

from ..settings import Purpose
from .kind import Endpoint, Kind

UPTIME_CHECK = Kind(
    name="uptime_check",
    asset="uptime_checks",
    description="Uptime checks and what they probe from where.",
    endpoints=(Endpoint("/v2/uptime/checks", "checks"),),
    scope="uptime:read",
    region=None,
    status=None,
    tags=None,
    created_at=None,
    purpose=Purpose.CLOUD_SYNC_SLOW,
)

UPTIME_ALERT = Kind(
    name="uptime_alert",
    asset="uptime_alerts",
    description="Alerts of uptime checks, without whom they notify.",
    endpoints=(
        Endpoint(
            "/v2/uptime/checks/{parent}/alerts", "alerts", per="uptime_check",
            parent_field="check_id",
        ),
    ),
    scope="uptime:read",
    part_of=("uptime_check", "check_id"),
    region=None,
    status=None,
    tags=None,
    created_at=None,
    secret=("notifications",),
    purpose=Purpose.CLOUD_SYNC_SLOW,
)  # fmt: skip

ALERT_POLICY = Kind(
    name="alert_policy",
    asset="alert_policies",
    description="Alert policies on metrics, without whom they notify.",
    endpoints=(Endpoint("/v2/monitoring/alerts", "policies"),),
    scope="monitoring:read",
    tags_name_targets=True,
    identity="uuid",
    title="description",
    region=None,
    status=None,
    created_at=None,
    secret=("alerts",),
    purpose=Purpose.CLOUD_SYNC_SLOW,
)
