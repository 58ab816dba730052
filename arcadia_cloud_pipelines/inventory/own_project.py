"""The project of our own, DO_PROJECT_NAME: made sure of before the projects are read."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from ..digitalocean import DigitalOcean, Forbidden, RequestRefused
from ..kinds import Json

logger = logging.getLogger(__name__)

CONFLICT = 409


@dataclass(frozen=True)
class Bootstrap:
    """Result of making sure of our own project."""

    outcome: str
    """`exists`, `created`, `read_only` when the token may not create it, else `refused`."""
    warning: str | None = None


def ensure_project(
    client: DigitalOcean, name: str, projects: Sequence[Json]
) -> tuple[Bootstrap, Json | None]:
    """Make sure that the project `name` exists.

    Args:
        client: with a token that may create projects; one that may not is a warning.
        name: from DO_PROJECT_NAME.
        projects: the whole list, as just read.

    Returns:
        What was found or done, and the project when it was created.
    """
    if any(str(p.get("name", "")).casefold() == name.casefold() for p in projects):
        return Bootstrap("exists"), None
    body = {
        "name": name,
        "purpose": "Operational / Developer tooling",
        "description": "Made sure of by arcadia_cloud_pipelines (DO_PROJECT_NAME).",
        "environment": "Production",
    }
    try:
        created = client.post("/v2/projects", body).get("project")
    except Forbidden:
        return Bootstrap(
            "read_only",
            f"The project {name!r} does not exist and the token may not create it: grant it "
            "project:create, create the project by hand, or set DO_PROJECT_NAME to one there is.",
        ), None
    except RequestRefused as error:
        if error.status == CONFLICT:  # somebody else created it since the list was read
            return Bootstrap("exists"), None
        return Bootstrap(
            "refused", f"The project {name!r} (DO_PROJECT_NAME) could not be created: {error}"
        ), None
    logger.info("created the project %r", name)
    return Bootstrap("created"), created if isinstance(created, dict) else None
