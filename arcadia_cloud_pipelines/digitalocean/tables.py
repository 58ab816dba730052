"""The tables of the calls that were made, with the comments that a reader of the database sees."""

from __future__ import annotations

import sqlalchemy as sa

from ..warehouse.columns import TIME
from ..warehouse.metadata import metadata


def _token() -> sa.Column[str]:
    return sa.Column(
        "token", sa.Text, primary_key=True, comment="Digest of the token, never itself."
    )


cloud_api_calls = sa.Table(
    "cloud_api_calls",
    metadata,
    _token(),
    sa.Column(
        "path", sa.Text, primary_key=True,
        comment="The path that has a limit of its own; empty for all calls of the token.",
    ),
    sa.Column("second", TIME, primary_key=True, comment="The second they were made in."),
    sa.Column("calls", sa.Integer, nullable=False, comment="How many."),
    prefixes=["UNLOGGED"],
    comment=(
        "Calls of the API in the last two hours, by which all processes keep to its rate limits "
        "together. Not logged: it is empty after a crash of the server."
    ),
)  # fmt: skip

cloud_api_grants = sa.Table(
    "cloud_api_grants",
    metadata,
    _token(),
    sa.Column(
        "factor", sa.Double, nullable=False,
        comment="By how much the account's limits are above DigitalOcean's usual ones.",
    ),
    sa.Column("noted_at", TIME, nullable=False, comment="When an answer of the API said so."),
    prefixes=["UNLOGGED"],
    comment="Accounts that were granted more calls than is usual. Not logged, as the calls.",
)  # fmt: skip

cloud_token_accounts = sa.Table(
    "cloud_token_accounts",
    metadata,
    _token(),
    sa.Column("account", sa.Text, nullable=False,
              comment="The account, as cloud_resources.account has it: 40 hex digits without "
              "dashes."),
    sa.Column(
        "source", sa.Text, nullable=False,
        comment="What said so: team and person are of GET /v2/account, project is the owner of the "
        "default project.",
    ),
    sa.Column("person", sa.Text, comment="Digest of the person's uuid behind a team's token."),
    sa.Column("noted_at", TIME, nullable=False, server_default=sa.func.now(),
              comment="When it was noted last."),
    sa.Column("team", sa.Text, comment="The team that used the token last, by its name in the file "
              "of teams; null where one team is mirrored."),
    sa.CheckConstraint(
        "source IN ('team', 'person', 'project')", name="cloud_token_accounts_source_check"
    ),
    comment="The account that each token was found to belong to: a token that says less than "
    "before proves nothing.",
)  # fmt: skip

TABLES = (cloud_api_calls, cloud_api_grants, cloud_token_accounts)
