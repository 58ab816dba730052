"""The tables of alarms, with the comments that a reader of the database sees."""

from __future__ import annotations

import sqlalchemy as sa

from ..warehouse.columns import TIME, account, row_id
from ..warehouse.metadata import metadata

cloud_alarms = sa.Table(
    "cloud_alarms",
    metadata,
    row_id(),
    account(nullable=True),
    sa.Column("kind", sa.Text, nullable=False,
              comment="Kind of alarm, such as late, run_failed or check_failed."),
    sa.Column("key", sa.Text, nullable=False,
              comment="The thing it is about, such as late/droplet; one open episode each."),
    sa.Column("severity", sa.Text, nullable=False, comment="warning, error or critical."),
    sa.Column("subject", sa.Text, nullable=False, comment="The thing, in words."),
    sa.Column("text", sa.Text, nullable=False, comment="How it is, or was when it ended."),
    sa.Column("advice", sa.Text, nullable=False, comment="What to do."),
    sa.Column("opened_at", TIME, nullable=False, comment="When it was first found bad."),
    sa.Column("due_at", TIME, nullable=False,
              comment="When people are told, if it is still bad by then."),
    sa.Column("announced_at", TIME,
              comment="When its messages were put into cloud_alarm_deliveries; null until then, "
              "and for good where it ended before it was due."),
    sa.Column("told_at", TIME, comment="When the first channel had taken the message."),
    sa.Column("closed_at", TIME, comment="When it was found well again; null while it is bad."),
    sa.Column("ending", sa.Text, comment="How it ended."),
    sa.Column("ending_announced_at", TIME,
              comment="When the messages of its end were put into cloud_alarm_deliveries."),
    sa.Column("ending_told_at", TIME, comment="When a channel had taken the message of its end."),
    sa.CheckConstraint("severity IN ('warning', 'error', 'critical')",
                       name="cloud_alarms_severity_check"),
    sa.CheckConstraint("closed_at >= opened_at", name="cloud_alarms_closed_check"),
    sa.Index("cloud_alarms_open_key", "key", unique=True,
             postgresql_where=sa.text("closed_at IS NULL")),
    sa.Index("cloud_alarms_closed_idx", "key", "closed_at"),
    sa.Index("cloud_alarms_time_idx", "opened_at"),
    sa.Index(
        "cloud_alarms_ended_idx", "id",
        postgresql_where=sa.text(
            "closed_at IS NOT NULL AND announced_at IS NOT NULL AND ending_announced_at IS NULL"
        ),
    ),
    comment="What was bad, from when to when, and when people were told. One row an episode; "
    "ended ones stay.",
)  # fmt: skip

cloud_alarm_deliveries = sa.Table(
    "cloud_alarm_deliveries",
    metadata,
    row_id(),
    sa.Column(
        "alarm_id", sa.BigInteger,
        sa.ForeignKey("cloud_alarms.id", name="cloud_alarm_deliveries_alarm_id_fkey"),
        nullable=False, comment="The episode.",
    ),
    sa.Column("phase", sa.Text, nullable=False, comment="opened, or closed for well again."),
    sa.Column("channel", sa.Text, nullable=False,
              comment="Where to: the variable that holds the address, with its place in it, or "
              "log. Never the address."),
    sa.Column("due_at", TIME, nullable=False, comment="Not before then; later after a failure."),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0",
              comment="Attempts that failed."),
    sa.Column("sent_at", TIME, comment="When the channel took it; null until then."),
    sa.Column("error", sa.Text, comment="Why the last attempt failed."),
    sa.CheckConstraint("phase IN ('opened', 'closed')", name="cloud_alarm_deliveries_phase_check"),
    sa.UniqueConstraint("alarm_id", "phase", "channel", name="cloud_alarm_deliveries_key"),
    sa.Index("cloud_alarm_deliveries_unsent_idx", "channel", "id",
             postgresql_where=sa.text("sent_at IS NULL")),
    sa.Index("cloud_alarm_deliveries_sent_idx", "channel", "sent_at"),
    comment="Each message about an alarm for each channel, sent or still to be sent.",
)  # fmt: skip

cloud_alarm_marks = sa.Table(
    "cloud_alarm_marks",
    metadata,
    sa.Column("name", sa.Text, primary_key=True,
              comment="watched: the last look by `arcadia alarms watch`; looked: by anything; "
              "pinged: end of the newest refresh that ARCADIA_HEARTBEAT_URL was told of."),
    sa.Column("at", TIME, nullable=False, comment="When."),
    comment="How far the watch is.",
)  # fmt: skip

TABLES = (cloud_alarms, cloud_alarm_deliveries, cloud_alarm_marks)
