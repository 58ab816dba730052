"""A kind whose facts are its shape: the official example's, kept in `shapes.json`.

`shapes.json` holds one object of each from digitalocean/openapi (Apache License 2.0), without what
is different for each resource; every field that could hold a secret or a person's data holds
`SECRET_PREFIX`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import orjson

from .lives import Facts, Life, ResourceId, iso
from .registry import SimulatedKind, register

if TYPE_CHECKING:
    from .account import SimulatedAccount
    from .view import View

SHAPES: dict[str, Facts] = orjson.loads(Path(__file__).with_name("shapes.json").read_bytes())

NewId = Callable[["SimulatedAccount", Random], ResourceId]
Noise = Callable[["View", Life], dict[str, Any]]


def new_uuid(account: SimulatedAccount, rng: Random) -> str:
    """Make an identity that is a uuid."""
    return account.new_uuid(rng)


def new_integer(account: SimulatedAccount, rng: Random) -> int:
    """Make an identity that is a number."""
    return account.new_int(rng, 100_000, 59_999_999)


def new_name(word: str) -> NewId:
    """Return what makes identities that are names."""
    return lambda account, rng: f"{word}-{account.new_int(rng, 1, 9_999_999):07d}"


def updated(view: View, _life: Life) -> dict[str, Any]:
    """Show the time of asking as the time of the last update, as many objects do."""
    return {"updated_at": iso(view.at)}


def plain(
    name: str,
    path: str,
    envelope: str,
    singular: str,
    scope: str,
    *,
    created: str | None = "created_at",
    new_id: NewId = new_uuid,
    noise: Noise = lambda _view, _life: {},
    urn: str | None = None,
    says_project: bool = False,
    children: int = 1,
    of: Callable[[Facts], bool] = lambda _facts: True,
    as_parent: bool = False,
    **options: Any,
) -> None:
    """Register a kind whose facts are its shape.

    Args:
        name: as in the product.
        path: of the list; with `{parent}` for children.
        envelope: of the list.
        singular: envelope of one object.
        scope: what the list needs.
        created: the field with the time of creation.
        new_id: makes the identity.
        noise: fields that move by themselves.
        urn: the type in `do:<type>:<id>` for kinds that live in projects.
        says_project: whether its objects name their project.
        children: how many each parent has.
        of: which parents have any, by their facts.
        as_parent: whether there is one a parent, with the parent's identity.
        options: further fields of `Kind`.
    """
    kind = SimulatedKind(
        name=name, path=path, envelope=envelope, singular=singular, scope=scope, new_id=new_id,
        template=lambda account, rng: _facts(account, name, rng), consumed=frozenset({"parent"}),
        urn=urn, **options,
    )  # fmt: skip

    def render(view: View, life: Life, _facts: Facts) -> dict[str, Any]:
        own = str(life.id).rpartition("/")[2] if kind.within_parent else life.id
        found = {kind.identity: own, **noise(view, life)}
        if created is not None:
            found[created] = iso(life.created_at)
        if says_project:
            seen = view.can("project:read")
            found["project_id"] = view.project_of(f"do:{urn or name}:{life.id}") if seen else ""
        return found

    def populate(account: SimulatedAccount, rng: Random) -> None:
        parents: list[Any] = [None, None] if account.droplets else []
        if kind.parent is not None:
            having = [life.id for life in account.alive(kind.parent) if of(life.facts)]
            parents = having * children
        for parent in parents:
            _add_one(account, rng, kind, parent, as_parent=as_parent)

    register(replace(kind, render=render, populate=kind.populate or populate))


def _add_one(
    account: SimulatedAccount, rng: Random, kind: SimulatedKind, parent: Any, *, as_parent: bool
) -> None:
    """Add one object, made some time after its parent."""
    at = account.history_start + (account.now - account.history_start) * rng.random()
    if kind.parent is not None:
        at = max(at, account.lives[kind.parent][parent].versions[-1].valid_from)
    facts = _facts(account, kind.name, rng) | ({} if parent is None else {"parent": parent})
    one = parent if as_parent else kind.new_id(account, rng)
    one = f"{parent}/{one}" if kind.within_parent else one
    account.add_life(kind.name, one, facts, at.replace(microsecond=0))


def held(name: str, field: str) -> Noise:
    """Return what shows a parent's children of a kind inside its own object."""

    def children(view: View, life: Life) -> dict[str, Any]:
        account = view.account
        mine = [one for one in account.alive(name) if one.facts["parent"] == life.id]
        return {field: [account.render(one, view) for one in mine]}

    return children


_POINTS_TO = {
    "vpc_uuid": "vpc", "vpc_id": "vpc", "vpc_ids": "vpc", "certificate_id": "certificate",
    "database_id": "database", "share_id": "nfs_share", "droplet_ids": "droplet",
    "microvm_id": "microvm", "config_id": "agent_config", "bound_session_id": "agent_session",
    "notification_channel_id": "notification_channel", "cluster_uuid": "database",
    "knowledge_base_uuid": "knowledge_base",
}  # fmt: skip


_URNS = ("target_urns", "resource_urns", "resource")


def _point(account: SimulatedAccount, value: Any) -> None:
    """Let what names another resource name one that there is."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        if key in _POINTS_TO and (ids := account.ids(_POINTS_TO[key])):
            value[key] = ids[: len(inner)] if isinstance(inner, list) else ids[0]
        elif key in _URNS and (ids := account.ids("droplet")):
            urn = f"do:droplet:{ids[0]}"
            value[key] = [urn] if isinstance(inner, list) else urn
        elif key == "vpc" and isinstance(inner, dict) and "id" in inner:  # of apps
            inner["id"] = account.ids("vpc")[0] if account.ids("vpc") else inner["id"]
        for one in inner if isinstance(inner, list) else [inner]:
            _point(account, one)


def _facts(account: SimulatedAccount, name: str, rng: Random) -> Facts:
    facts = copy.deepcopy(SHAPES[name])
    _point(account, facts)
    if "name" in facts and name != "domain_record":
        facts["name"] = f"{facts['name']}-{rng.randrange(10_000):04d}"
    if "name" in facts.get("spec", ()):
        facts["spec"]["name"] = f"{facts['spec']['name']}-{rng.randrange(10_000):04d}"
    return facts
