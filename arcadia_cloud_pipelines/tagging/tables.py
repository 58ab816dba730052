"""The table of the tag policy."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from ..warehouse.columns import TIME, row_id
from ..warehouse.metadata import metadata

cloud_tag_policy = sa.Table(
    "cloud_tag_policy",
    metadata,
    row_id(),
    sa.Column("tag_key", sa.Text, nullable=False,
              comment="Key that tags must have, in lower case: env of env:prod."),
    sa.Column("allowed_values", ARRAY(sa.Text),
              comment="Values that it may have, in lower case; null for any."),
    sa.Column("kinds", ARRAY(sa.Text),
              comment="Kinds of resources that it is asked of; null for all that carry tags."),
    sa.Column("project", sa.Text, comment="Name or uuid of the project that it is asked in; null "
              "for all."),
    sa.Column("tenant_id", sa.Text, comment="Tenant of which it is asked; null for all."),
    sa.Column("account", sa.Text,
              comment="The team that it is about: 40 hex digits; null for every team."),
    sa.Column("since", TIME, nullable=False, server_default=sa.func.now(),
              comment="When it was first read as it is."),
    comment="Tag policy of the file that ARCADIA_TAG_POLICY names. Written by the asset "
    "reviewed_tag_policy.",
)  # fmt: skip

TABLES = (cloud_tag_policy,)
