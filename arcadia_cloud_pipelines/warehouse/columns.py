"""Columns that tables of every subject have in common, with one wording of their comments."""

from __future__ import annotations

import sqlalchemy as sa

TIME = sa.DateTime(timezone=True)


def row_id() -> sa.Column[int]:
    """Our own number of the row."""
    return sa.Column(
        "id",
        sa.BigInteger,
        sa.Identity(always=False),
        primary_key=True,
        comment="Our own number of the row.",
    )


def provider() -> sa.Column[str]:
    """The cloud; part of every identity."""
    return sa.Column(
        "provider",
        sa.Text,
        nullable=False,
        server_default="digitalocean",
        comment="The cloud it lives in: digitalocean.",
    )


def account(*, nullable: bool = False) -> sa.Column[str]:
    """The team."""
    return sa.Column(
        "account",
        sa.Text,
        nullable=nullable,
        comment="The team that the token belongs to: its uuid, 40 hex digits without dashes.",
    )
