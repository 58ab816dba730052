"""Reading one Terraform state, as `terraform state pull` prints it.

Only format version 4 (Terraform 0.12 and newer, OpenTofu). Of each resource only the attributes
named in `terraform_types` are read: a state is full of secrets, and none of them is a setting we
compare. Whatever cannot be read is an error that names file and place: what a state does not say
is withdrawn, so a state that is read in part would withdraw the rest. Format: Terraform's
`internal/states/statefile/version4.go`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..kinds import KIND_OF_URN_TYPE
from .spec_fields import without_secrets
from .state_json import WRITE_ANEW, TerraformError, decoded_state, state_header
from .terraform_contents import Contents, Identity
from .terraform_types import (
    CLAIMS,
    MEMBERSHIPS,
    NODE_POOL,
    TYPES,
    Json,
    TerraformType,
    Unreadable,
    node_pool,
    scalar,
    scalars,
    spec_of,
)

OURS = "digitalocean_"


@dataclass(frozen=True)
class StateFile:
    """One state."""

    path: str
    lineage: str
    serial: int
    contents: Contents
    unknown_types: Mapping[str, int]
    """Instances of `digitalocean_*` types that we have no use for."""
    other_providers: int
    """Instances of other providers."""

    @property
    def specs(self) -> Mapping[Identity, Json]:
        """Return the resources that it describes by itself."""
        return self.contents.specs


def parse_state(text: bytes, path: str) -> StateFile:
    """Read one state.

    Args:
        text: the file; UTF-8, or UTF-16 as PowerShell writes it.
        path: where it is from, for messages.

    Raises:
        TerraformError: it is no state, is cut short, has a format other than 4, or holds something
            of ours that cannot be read.
    """
    state = decoded_state(text, path)
    lineage, serial = state_header(state, path)
    contents = Contents()
    unknown: Counter[str] = Counter()
    others = 0
    for place, name, attributes in _instances(state.get("resources"), path):
        if not name.startswith(OURS):
            others += 1
        elif not _read(contents, name, attributes, f"{path}: {place}"):
            unknown[name] += 1
    return StateFile(path, lineage, serial, contents, dict(unknown), others)


def _instances(resources: Any, path: str) -> Iterator[tuple[str, str, Json]]:
    """Yield place, type and attributes of every instance that is managed and not replaced."""
    broken = f"{path} is not a complete Terraform state"
    if not isinstance(resources, list) or not all(isinstance(r, dict) for r in resources):
        raise TerraformError(f"{broken} (resources is not a list of resources): {WRITE_ANEW}.")
    for number, resource in enumerate(resources):
        name, instances = resource.get("type"), resource.get("instances")
        if not isinstance(name, str) or not isinstance(instances, list):
            raise TerraformError(
                f"{broken} (resource {number} has no type or no instances): {WRITE_ANEW}."
            )
        if (mode := resource.get("mode")) == "data":
            continue
        if mode != "managed":
            raise TerraformError(
                f"{broken} (the mode of resource {number} is not managed or data): {WRITE_ANEW}."
            )
        label = _label(resource, name)
        for index, instance in enumerate(instances):
            place = f"{label}[{index}]" if len(instances) > 1 else label
            ours = name.startswith(OURS)
            if not isinstance(instance, dict):
                raise TerraformError(f"{broken} ({place} is not an instance): {WRITE_ANEW}.")
            if instance.get("deposed"):
                continue
            attributes = instance.get("attributes")
            if ours and not isinstance(attributes, dict):
                raise TerraformError(
                    f"{broken} ({place} has no attributes): run `terraform apply -refresh-only`, "
                    "or remove it with `terraform state rm`."
                )
            yield place, name, attributes if isinstance(attributes, dict) else {}


def _label(resource: Json, name: str) -> str:
    """Return the resource as Terraform addresses it."""
    module, label = resource.get("module"), resource.get("name")
    parts = [part for part in (module, name, label) if isinstance(part, str) and part]
    return ".".join(parts)[:200]


def _read(contents: Contents, name: str, attributes: Json, place: str) -> bool:
    """Add what one instance says; False for a type that we have no use for."""
    try:
        if name in MEMBERSHIPS:
            _read_members(contents, name, attributes)
        if known := TYPES.get(name):
            return _add(contents.specs, known, attributes)
        if name == NODE_POOL:
            cluster = _identity(("cluster_id",), attributes)
            pool = without_secrets(node_pool(attributes))[0]
            contents.pools.setdefault(cluster, []).append(pool)
        elif known := CLAIMS.get(name):
            return _add(contents.claims, known, attributes)
        elif name not in MEMBERSHIPS:
            return False
    except Unreadable as error:
        raise TerraformError(
            f"{place} cannot be read, because {error}. Until it can, nothing of this state is "
            "recorded or withdrawn: run `terraform apply -refresh-only`, or look at `terraform "
            "state show`."
        ) from None
    return True


def _add(into: dict[Identity, Json], known: TerraformType, attributes: Json) -> bool:
    """Add what one instance says; False for one that says nothing that we could use."""
    if known.unless is not None and known.unless(attributes):
        return False
    if known.identity_is_new and not any(name in attributes for name in known.identity):
        return False
    name = _identity(known.identity, attributes)
    identity = (known.kind, known.normal(name) if known.normal else name)
    spec = without_secrets(spec_of(known, attributes))[0]
    into.setdefault(identity, {}).update(spec)
    return True


def _identity(names: tuple[str, ...], attributes: Json) -> str:
    for name in names:
        if "/" in name:
            return "/".join(_identity((part,), attributes) for part in name.split("/"))
        value = scalar(attributes, name)
        if isinstance(value, (str, int)) and not isinstance(value, bool):
            return str(value)
        if value is not None:
            raise Unreadable(f"{name} is not an id")
    raise Unreadable(f"{names[0]} is empty")


def _read_members(contents: Contents, name: str, attributes: Json) -> None:
    project = _identity((MEMBERSHIPS[name],), attributes)
    for urn in scalars(attributes, "resources"):
        kind, _, provider_id = str(urn).removeprefix("do:").partition(":")
        if kind in KIND_OF_URN_TYPE and provider_id:
            identity = (KIND_OF_URN_TYPE[kind], provider_id)
            contents.claims.setdefault(identity, {})["project"] = project
