"""What left a Terraform state: held back where it is implausibly much."""

from __future__ import annotations

from collections.abc import Collection

from ..kinds import KUBERNETES_CLUSTER
from .terraform_contents import Contents, Identity, described

IMPLAUSIBLE_FROM = 10
"""From so many described resources on, more than half of them gone is implausible."""


def lost_identities(old: Contents, new: Contents) -> set[Identity]:
    """Return the resources that a source described and describes no more.

    One that has lost more than half of its fields is not described any more, either.
    """
    gone = {
        identity
        for identity, spec in old.specs.items()
        if identity not in new.specs
        or 2 * len(spec.keys() & new.specs[identity].keys()) < len(spec)
    }
    parts = {*old.claims, *((KUBERNETES_CLUSTER.name, cluster) for cluster in old.pools)}
    return gone | (parts - described(new))


def hold_back(old: Contents, new: Contents, alive: Collection[Identity]) -> Contents:
    """Return the part of what a source said that it cannot plausibly have stopped saying.

    That a resource is gone in the account, too, makes its loss plausible.

    Args:
        old: what it said.
        new: what it says.
        alive: the resources of `old` that live.
    """
    there = described(old) & set(alive)
    gone = lost_identities(old, new) & there
    if not gone or not (
        gone == there or (len(there) >= IMPLAUSIBLE_FROM and 2 * len(gone) > len(there))
    ):
        return Contents()
    return Contents(
        {identity: spec for identity, spec in old.specs.items() if identity in gone},
        {identity: claim for identity, claim in old.claims.items() if identity in gone},
        {
            cluster: pools
            for cluster, pools in old.pools.items()
            if (KUBERNETES_CLUSTER.name, cluster) in gone
        },
    )
