"""What Dagster's events say of one run: what it was about, why it failed, if it is repeated."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ..common.late import lately
from ..warehouse.dagster_marks import WHOLE_ACCOUNT
from ..warehouse.statements import Statements
from .sources import stored_json
from .teams import whose_run

_SQL = Statements(__file__)

RETRY_COMES = timedelta(minutes=15)
"""How long a run that Dagster said it repeats is waited for."""


def why_failed(connection: sa.Connection, run_id: str) -> str:
    """Return why a run failed: its first failed step's own words, and how many more failed."""
    steps: list[tuple[str, str]] = []
    whole = ""
    for (text,) in _SQL.run(connection, "failures_of_run", {"run_id": run_id}):
        event = stored_json(text)
        dagster_event = event.get("dagster_event") or {}
        if dagster_event.get("event_type_value") == "STEP_FAILURE":
            steps.append((str(dagster_event.get("step_key") or "a step"), _words(dagster_event)))
        else:
            whole = str(event.get("user_message") or dagster_event.get("message") or "")
    if not steps:
        return whole or "no step says why"
    (name, words), more = steps[0], len(steps) - 1
    others = f" ({more:,} more step{'s' if more > 1 else ''} failed)" if more else ""
    return f"{name}: {words}{others}"


def _user_failure(dagster_event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what our own code said of a step's failure; empty where it said nothing."""
    data = dagster_event.get("event_specific_data") or {}
    return data.get("user_failure_data") or {}


def _words(dagster_event: Mapping[str, Any]) -> str:
    """Return the innermost message of a step's failure."""
    by_user = _user_failure(dagster_event).get("description")
    if by_user:
        return str(by_user)
    data = dagster_event.get("event_specific_data") or {}
    error = data.get("error") or {}
    for _ in range(10):
        if not error.get("cause"):
            break
        error = error["cause"]
    return str(error.get("message") or "no message").strip()


def failed_for_the_account(connection: sa.Connection, run_id: str) -> bool:
    """Return whether a run failed because its account does not answer."""
    return any(
        entry.get("label") == WHOLE_ACCOUNT
        for (text,) in _SQL.run(connection, "failures_of_run", {"run_id": run_id})
        for entry in _user_failure(stored_json(text).get("dagster_event") or {}).get(
            "metadata_entries", ()
        )
    )


def is_repeated(run: Any, now: datetime) -> bool:
    """Return whether Dagster said that it repeats this run, and not too long ago."""
    tags = stored_json(run.run_body).get("tags") or {}
    if not isinstance(tags, dict) or tags.get("dagster/will_retry") != "true":
        return False
    return lately(datetime.fromtimestamp(run.end_time or 0, UTC), now, RETRY_COMES)


def selection_of(run_body: str) -> str:
    """Return the assets of a run, and its team, as text."""
    chosen = stored_json(run_body).get("asset_selection") or {}
    keys = chosen.get("__frozenset__") or chosen.get("__set__") or [] if chosen else []
    names = sorted("/".join(map(str, key.get("path", ()))) for key in keys)
    return (f"assets {', '.join(names)}" if names else "assets") + whose_run(stored_json(run_body))
