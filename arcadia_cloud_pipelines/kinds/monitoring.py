"""Checks and the alerts on them, without whom they notify."""

from __future__ import annotations

from ..common.severity import Severity
from .kind import Edge, Endpoint, Kind

UPTIME_CHECK = Kind(
    name="uptime_check",
    asset="uptime_checks",
    description="Uptime checks and what they probe from where.",
    endpoints=(Endpoint("/v2/uptime/checks", "checks"),),
    scope="uptime:read",
    created_at=None,
    severities={"deleted_at": Severity.ERROR},
)

UPTIME_ALERT = Kind(
    name="uptime_alert",
    asset="uptime_alerts",
    description="Alerts of uptime checks, without whom they notify.",
    endpoints=(Endpoint("/v2/uptime/checks/{parent}/alerts", "alerts"),),
    scope="uptime:read",
    free=True,
    part_of=("uptime_check", "check_id"),
    created_at=None,
    secret=("notifications",),
    edges=(Edge("alert_of", "uptime_check", "$.check_id"),),
    severities={"deleted_at": Severity.ERROR},
)  # fmt: skip

ALERT_POLICY = Kind(
    name="alert_policy",
    asset="alert_policies",
    description="Alert policies on metrics, without whom they notify.",
    endpoints=(Endpoint("/v2/monitoring/alerts", "policies"),),
    scope="monitoring:read",
    free=True,
    tags_name_targets=True,
    identity="uuid",
    title="description",
    tags="tags",
    created_at=None,
    secret=("alerts",),
    severities={"deleted_at": Severity.ERROR},
)

ALERT_RULE = Kind(
    name="alert_rule",
    asset="alert_rules",
    description="Alert rules of Insights: what is measured, and when it is too much.",
    endpoints=(Endpoint("/v2/insights/alert-rules", "alert_rules"),),
    scope="insights:read",
    free=True,
    title="spec.name",
    status="status",
    noise=("updated_at",),
    edges=(
        Edge(
            "notifies",
            "notification_channel",
            "$.spec.notification_channels[*].notification_channel_id",
        ),
        Edge.by_urn("watches", "$.spec.query.resource_urns[*]"),
    ),
    severities={"deleted_at": Severity.ERROR},
)

NOTIFICATION_CHANNEL = Kind(
    name="notification_channel",
    asset="notification_channels",
    description="Channels that alert rules notify, without addresses.",
    endpoints=(Endpoint("/v2/insights/notification-channels", "notification_channels"),),
    scope="insights:read",
    free=True,
    noise=("usage", "updated_at"),
    secret=("email", "slack", "webhook"),
    severities={"deleted_at": Severity.ERROR},
)

LOG_DESTINATION = Kind(
    name="log_destination",
    asset="log_destinations",
    description="Clusters that logs of resources are sent to, without credentials.",
    endpoints=(Endpoint("/v2/monitoring/sinks/destinations", "destinations", paged=False),),
    scope="monitoring:read",
    free=True,
    created_at=None,
    secret=("config.credentials",),
    edges=(Edge("stored_in", "database", "$.config.cluster_uuid"),),
    severities={"deleted_at": Severity.ERROR},
)
