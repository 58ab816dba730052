"""What Terraform states say, as far as it is about DigitalOcean."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..kinds import KUBERNETES_CLUSTER
from .terraform_types import Json

Identity = tuple[str, str]
"""Kind and the provider's id."""


@dataclass
class Contents:
    """The content of a state, as far as it is about DigitalOcean."""

    specs: dict[Identity, Json] = field(default_factory=dict)
    """Resources that it describes."""
    claims: dict[Identity, Json] = field(default_factory=dict)
    """What it says of resources that any state may describe: project, droplet, droplet_ids."""
    pools: dict[str, list[Json]] = field(default_factory=dict)
    """Further node pools, by the id of their cluster, which any state may describe."""


def described(contents: Contents) -> set[Identity]:
    """Return the resources that a source says anything of."""
    clusters = {(KUBERNETES_CLUSTER.name, cluster) for cluster in contents.pools}
    return {*contents.specs, *contents.claims} | clusters


def together(new: Contents, held: Contents) -> Contents:
    """Return what a source says, with what is held back for it."""
    specs = {**new.specs, **held.specs}
    return Contents(specs, {**held.claims, **new.claims}, {**held.pools, **new.pools})


def as_json(contents: Contents) -> Json:
    """Return contents as they are stored."""
    return {
        "specs": [[*identity, spec] for identity, spec in contents.specs.items()],
        "claims": [[*identity, claim] for identity, claim in contents.claims.items()],
        "pools": contents.pools,
    }


def contents_from_json(stored: Json | None) -> Contents:
    """Return stored contents."""
    stored = stored or {}
    return Contents(
        {(kind, name): spec for kind, name, spec in stored.get("specs", ())},
        {(kind, name): claim for kind, name, claim in stored.get("claims", ())},
        dict(stored.get("pools", {})),
    )
