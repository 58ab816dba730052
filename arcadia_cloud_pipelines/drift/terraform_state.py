"""Reading one Terraform state, as `terraform state pull` prints it.

Only format version 4 (Terraform 0.12 and newer, OpenTofu). Of each resource only the attributes
named in `terraform_types` are read: a state is full of secrets, and none of them is a setting we
compare. Whatever cannot be read is an error that names file and place: what a state does not say
is withdrawn, so a state that is read in part would withdraw the rest. Format: Terraform's
`internal/states/statefile/version4.go`.
"""

from __future__ import annotations

import codecs
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from ..kinds import KIND_OF_URN_TYPE
from .errors import DriftError
from .spec_fields import without_secrets
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

FORMAT = 4
OURS = "digitalocean_"

Identity = tuple[str, str]
"""Kind and the provider's id."""


_WRITE_ANEW = "write it again with `terraform state pull`"


class TerraformError(DriftError):
    """A state cannot be read; the text names the file, the place and what to do."""


@dataclass
class Contents:
    """The content of a state, as far as it is about DigitalOcean."""

    specs: dict[Identity, Json] = field(default_factory=dict)
    """Resources that it describes."""
    claims: dict[Identity, Json] = field(default_factory=dict)
    """What it says of resources that any state may describe: project, droplet, droplet_ids."""
    pools: dict[str, list[Json]] = field(default_factory=dict)
    """Further node pools, by the id of their cluster, which any state may describe."""


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
    state = _decoded(text, path)
    lineage, serial = _header(state, path)
    contents = Contents()
    unknown: Counter[str] = Counter()
    others = 0
    for place, name, attributes in _instances(state.get("resources"), path):
        if not name.startswith(OURS):
            others += 1
        elif not _read(contents, name, attributes, f"{path}: {place}"):
            unknown[name] += 1
    return StateFile(path, lineage, serial, contents, dict(unknown), others)


def _decoded(text: bytes, path: str) -> Any:
    try:
        decoded = _unicode(text)
        state = orjson.loads(decoded)
        # Of a key that comes twice a reader takes either one.
        json.loads(decoded, object_pairs_hook=_no_key_twice)
    except orjson.JSONDecodeError as error:
        raise TerraformError(
            f"{path} is not valid JSON (line {error.lineno}: {error.msg}): write it with "
            "`terraform state "
            "pull`."
        ) from None
    except UnicodeDecodeError:
        raise TerraformError(
            f"{path} is not text in UTF-8 or UTF-16: write it with `terraform state pull`."
        ) from None
    except RecursionError:
        raise TerraformError(
            f"{path} is nested too deeply for a Terraform state: write it with `terraform state "
            "pull`."
        ) from None
    except Unreadable as error:
        raise TerraformError(
            f"{path} is not a Terraform state as Terraform writes it: {error}. Write it again with "
            "`terraform state pull`."
        ) from None
    return state


def _unicode(text: bytes) -> str:
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if text.startswith(mark):
            return text.decode(encoding)
    # Without a mark: JSON begins with ASCII, so a zero tells.
    if text[1:2] == b"\0":
        return text.decode("utf-16-le")
    return text.decode("utf-16-be" if text[:1] == b"\0" else "utf-8")


def _no_key_twice(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise Unreadable(f"the key {key[:60]!r} comes twice in one object")
        seen.add(key)


def _header(state: Any, path: str) -> tuple[str, int]:
    if not isinstance(state, dict):
        raise TerraformError(f"{path} is not a Terraform state (it has no version): {_WRITE_ANEW}.")
    if "encrypted_data" in state or "encryption_version" in state:
        raise TerraformError(f"{path} is encrypted: write it decrypted, with `tofu state pull`.")
    if "format_version" in state:
        raise TerraformError(
            f"{path} is what `terraform show -json` prints: write it with `terraform state pull`."
        )
    version = state.get("version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise TerraformError(
            f"{path} is not a Terraform state (it has no version as a number): {_WRITE_ANEW}."
        )
    if version != FORMAT:
        raise TerraformError(
            f"{path} has state format {version}, this release reads {FORMAT}: "
            + (
                "update arcadia-cloud-pipelines."
                if version > FORMAT
                else "run `terraform apply -refresh-only` with Terraform 0.12 or newer."
            )
        )
    lineage, serial = state.get("lineage"), state.get("serial")
    if (
        not isinstance(lineage, str)
        or not 0 < len(lineage) <= 200
        or not lineage.isprintable()
        or not isinstance(serial, int)
        or isinstance(serial, bool)
        or not 0 <= serial < 2**63
    ):
        raise TerraformError(
            f"{path} is not a complete Terraform state (lineage or serial is missing or has the "
            f"wrong type): {_WRITE_ANEW}."
        )
    return lineage, serial


def _instances(resources: Any, path: str) -> Iterator[tuple[str, str, Json]]:
    """Yield place, type and attributes of every instance that is managed and not replaced."""
    broken = f"{path} is not a complete Terraform state"
    if not isinstance(resources, list) or not all(isinstance(r, dict) for r in resources):
        raise TerraformError(f"{broken} (resources is not a list of resources): {_WRITE_ANEW}.")
    for number, resource in enumerate(resources):
        name, instances = resource.get("type"), resource.get("instances")
        if not isinstance(name, str) or not isinstance(instances, list):
            raise TerraformError(
                f"{broken} (resource {number} has no type or no instances): {_WRITE_ANEW}."
            )
        if (mode := resource.get("mode")) == "data":
            continue
        if mode != "managed":
            raise TerraformError(
                f"{broken} (the mode of resource {number} is not managed or data): {_WRITE_ANEW}."
            )
        label = _label(resource, name)
        for index, instance in enumerate(instances):
            place = f"{label}[{index}]" if len(instances) > 1 else label
            ours = name.startswith(OURS)
            if not isinstance(instance, dict):
                raise TerraformError(f"{broken} ({place} is not an instance): {_WRITE_ANEW}.")
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
