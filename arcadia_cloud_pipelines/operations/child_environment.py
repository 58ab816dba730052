"""The environment of each process of the deployment: no secret that it does not need."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..settings import SECRET_NAME
from ..settings.team_file import variables_of_teams

_WAREHOUSE = re.compile(r"^(ARCADIA_DATABASE_URL|PGPASSWORD)")
_STORAGE = re.compile(r"^(DAGSTER_POSTGRES_URL|PGPASSWORD)")
_API = re.compile(r"^(ARCADIA_DATABASE_URL|PGPASSWORD|ARCADIA_JWT_SECRET|ARCADIA_METRICS_TOKEN)")
# Of runs, too, which are Dagster's.
_API_WITH_METRICS = re.compile(rf"{_API.pattern}|{_STORAGE.pattern}")
_NOT_FOR_CODE = re.compile(r"^(ARCADIA_JWT_SECRET|ARCADIA_METRICS_TOKEN)")

_ALARMS = re.compile(
    r"^(ARCADIA_DATABASE_URL|DAGSTER_POSTGRES_URL|PGPASSWORD|ARCADIA_NOTIFY_URLS"
    r"|ARCADIA_HEARTBEAT_URL)"
)

_NEEDS = {
    "alarms": _ALARMS,
    "api": _API,
    "webserver": _STORAGE,
    "daemon": _STORAGE,
    "postgres": None,
    "simulator": None,
}
"""Secrets by process. The API reads the warehouse, and webserver and daemon Dagster's storage."""


def for_child(name: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for one process.

    A name that looks like a secret is one, also where it is not ours: `AWS_SECRET_ACCESS_KEY` is
    for the code server alone, which runs the assets and so needs what they need.
    """
    if name not in _NEEDS:
        return {k: v for k, v in environ.items() if not _NOT_FOR_CODE.search(k)}
    needs = _NEEDS[name]
    accounts = environ.get("ARCADIA_ACCOUNTS", "").strip()
    of_teams = variables_of_teams(accounts) if accounts else frozenset()
    if name == "api" and any(environ.get(f"ARCADIA_METRICS_TOKEN{of}") for of in ("", "_FILE")):
        needs = _API_WITH_METRICS
    return {
        k: v
        for k, v in environ.items()
        if k not in of_teams
        and (not SECRET_NAME.search(k) or (needs is not None and needs.search(k)))
    }
