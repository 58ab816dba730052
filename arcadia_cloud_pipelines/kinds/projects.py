"""Projects: by which people sort everything else. `inventory/projects.py` lists them."""

from __future__ import annotations

from ..common.severity import Severity
from ..settings import Purpose
from .kind import Endpoint, Kind

PROJECT = Kind(
    name="project",
    asset="projects",
    description="Projects, by which resources are sorted. Whose they are is in `cloud_projects`.",
    endpoints=(Endpoint("/v2/projects", "projects"),),
    scope="project:read",
    free=True,
    # The owner is the account, which has a column.
    noise=("updated_at", "owner_id", "owner_uuid"),
    # What was in it goes on, in the default project.
    severities={"deleted_at": Severity.ERROR},
    purpose=Purpose.CLOUD_SYNC_FAST,
)
