"""Projects, and what is in them at the beginning."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from .lives import Facts, Life, iso
from .registry import KINDS, SimulatedKind, register
from .world import BUCKET_URN, UNDOCUMENTED_URN, ForeignUrn

if TYPE_CHECKING:
    from .account import SimulatedAccount
    from .view import View

_HISTORY = [
    ("my-web-api", "My website API", "Service or API", "Production"),
    ("data platform (EU)", "Pipelines and notebooks", "Other: data platform", "Staging"),
    ("acme", "", "Web Application", ""),
]


def _facts(name: str, description: str, purpose: str, environment: str) -> Facts:
    return {
        "name": name,
        "description": description,
        "purpose": purpose,
        "environment": environment,
        "is_default": False,
    }


def _template(_account: SimulatedAccount, rng: Random) -> Facts:
    return _facts(f"project-{rng.randrange(10_000):04d}", "", "Web Application", "Development")


def _render(view: View, life: Life, _facts: Facts) -> dict[str, Any]:
    changed = [v.valid_from for v in life.versions if v.valid_from <= view.at]
    return {
        "id": life.id,
        "owner_uuid": view.account.owner_uuid,
        "owner_id": 258992,
        "created_at": iso(life.created_at),
        "updated_at": iso(changed[-1]),
    }


def _populate(account: SimulatedAccount, rng: Random) -> None:
    # Registered last: what it assigns exists by now.
    default = {
        **_facts("Default", "Default project", "Just trying out DigitalOcean", "Development"),
        "is_default": True,
    }
    start = account.history_start
    account.default_project = account.new_uuid(rng)
    account.add_life("project", account.default_project, default, start)
    ago = account.now - start
    projects = []
    for index, texts in enumerate(_HISTORY):
        at = (start + ago * (0.4 + 0.1 * index)).replace(microsecond=0)
        projects.append(account.add_life("project", account.new_uuid(rng), _facts(*texts), at))
    if not account.droplets:
        return
    chances = {"droplet": 0.6, "domain": 0.5}
    for kind in KINDS.values():
        if kind.urn is None:
            continue
        for life in list(account.lives[kind.name].values()):
            if rng.random() < chances.get(kind.name, 0.7):
                project = rng.choice(projects)
                at = max(life.created_at, project.created_at)
                if life.deleted_at is None or at < life.deleted_at:
                    account.join(f"do:{kind.urn}:{life.id}", str(project.id), at)
    first = projects[0]
    since = first.created_at + timedelta(days=3)
    gone = next((d for d in account.lives["droplet"].values() if d.deleted_at is not None), None)
    stale = f"do:droplet:{gone.id}" if gone is not None else "do:droplet:99999999"
    for urn, status in ((BUCKET_URN, "ok"), (stale, "not_found"), (UNDOCUMENTED_URN, "ok")):
        account.add_foreign_urn(str(first.id), ForeignUrn(urn, status, since))


PROJECT = register(
    SimulatedKind(
        name="project",
        path="/v2/projects",
        envelope="projects",
        singular="project",
        scope="project:read",
        links="projects",
        template=_template,
        render=_render,
        populate=_populate,
    )
)
