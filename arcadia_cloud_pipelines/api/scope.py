"""Rows by account: those that a caller asked for, of those that its token is about."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from .caller import Caller


def of_accounts(
    account: sa.ColumnElement[Any], caller: Caller, asked: str | None = None
) -> list[sa.ColumnElement[bool]]:
    """Return the conditions that leave the rows of these accounts; none where all are meant.

    Args:
        account: the column.
        caller: whose token may be about some accounts alone.
        asked: the account that the request names.
    """
    conditions: list[sa.ColumnElement[bool]] = []
    if caller.accounts is not None:
        conditions.append(account.in_(sorted(caller.accounts)))
    if asked is not None:
        conditions.append(account == asked)
    return conditions
