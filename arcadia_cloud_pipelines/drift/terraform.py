"""Desired state out of Terraform state files, as `terraform state pull` prints them.

Only format version 4 (Terraform 0.12 and newer, OpenTofu). Of each resource only the attributes
named in `TYPES` are read: a state is full of secrets, and none of them is a setting we compare.
Attributes and formats: the documentation of terraform-provider-digitalocean, and Terraform's
`internal/states/statefile/version4.go`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from ..inventory.kinds import KIND_OF_URN_TYPE
from ..times import Clock, utc_now
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .errors import DriftError
from .specs import lock, without_secrets, write_specs

FORMAT = 4
ACTOR = "terraform"
STATES = "ARCADIA_TERRAFORM_STATES"

Json = dict[str, Any]


class TerraformError(DriftError):
    """A state cannot be read; the text names the file and what to do. Specs are as they were."""


@dataclass(frozen=True)
class TerraformType:
    """What one Terraform type says of one kind."""

    kind: str
    fields: Mapping[str, str] = field(default_factory=dict)
    """Its attribute → our field. What is null or empty in the state is not recorded: there it
    means "not set here" as often as "none"."""
    identity: str = "id"
    adjust: Callable[[Json], Json] | None = None
    """Further fields, for what renaming cannot say."""


def _same_names(*names: str, **renamed: str) -> dict[str, str]:
    return {name: name for name in names} | renamed


def _pool(pool: Json) -> Json:
    """A node pool as the API shows it."""
    names = {"node_count": "count", "taint": "taints"}
    wanted = ("name", "size", "node_count", "auto_scale", "min_nodes", "max_nodes", "tags",
              "labels", "taint")  # fmt: skip
    return {names.get(key, key): pool[key] for key in wanted if pool.get(key) not in (None, "")}


def _cluster(attributes: Json) -> Json:
    pools = [_pool(pool) for pool in attributes.get("node_pool") or []]
    # The platform upgrades such a cluster by itself.
    version = {} if attributes.get("auto_upgrade") else {"version": attributes.get("version")}
    return {"node_pools": pools, **version}


def _balancer(attributes: Json) -> Json:
    keys = ("entry_port", "entry_protocol", "target_port", "target_protocol", "tls_passthrough")
    rules = [
        {key: rule[key] for key in keys if key in rule}
        for rule in attributes.get("forwarding_rule") or []
    ]
    # A balancer that targets a tag gets its droplets from the tag.
    droplets = (
        {} if attributes.get("droplet_tag") else {"droplet_ids": attributes.get("droplet_ids")}
    )
    return {"forwarding_rules": rules, **droplets}


def _rules(attributes: Json, side: str, peers: str) -> list[Json]:
    """Firewall rules, flat in Terraform, as the API nests them."""
    return [
        {
            "protocol": rule.get("protocol"),
            "ports": rule.get("port_range") or "0",
            peers: {
                "addresses": rule.get(f"{side}_addresses"),
                "droplet_ids": rule.get(f"{side}_droplet_ids"),
                "load_balancer_uids": rule.get(f"{side}_load_balancer_uids"),
                "kubernetes_ids": rule.get(f"{side}_kubernetes_ids"),
                "tags": rule.get(f"{side}_tags"),
            },
        }
        for rule in attributes.get("inbound_rule" if side == "source" else "outbound_rule") or []
    ]


def _firewall(attributes: Json) -> Json:
    return {
        "inbound_rules": _rules(attributes, "source", "sources"),
        "outbound_rules": _rules(attributes, "destination", "destinations"),
    }


_ADDRESS = TerraformType(
    "reserved_ip", _same_names("region", droplet_id="droplet"), identity="ip_address"
)
_ASSIGNMENT = TerraformType("reserved_ip", {"droplet_id": "droplet"}, identity="ip_address")

TYPES: Mapping[str, TerraformType] = {
    "digitalocean_droplet": TerraformType(
        "droplet",
        _same_names("name", "region", "image", "vpc_uuid", "tags", "backups", "ipv6",
                    size="size_slug"),
    ),
    "digitalocean_volume": TerraformType(
        "volume", _same_names("name", "region", "tags", "description", size="size_gigabytes")
    ),
    "digitalocean_database_cluster": TerraformType(
        "database",
        _same_names("name", "region", "engine", "version", "tags", "private_network_uuid",
                    "storage_size_mib", size="size_slug", node_count="num_nodes",
                    project_id="project"),
    ),
    "digitalocean_kubernetes_cluster": TerraformType(
        "kubernetes_cluster",
        _same_names("name", "region", "vpc_uuid", "tags", "ha", "auto_upgrade", "surge_upgrade",
                    "cluster_subnet", "service_subnet"),
        adjust=_cluster,
    ),
    "digitalocean_loadbalancer": TerraformType(
        "load_balancer",
        _same_names("name", "region", "size_unit", "algorithm", "vpc_uuid",
                    "redirect_http_to_https", "enable_proxy_protocol", "enable_backend_keepalive",
                    size="size_slug", droplet_tag="tag", project_id="project"),
        adjust=_balancer,
    ),
    "digitalocean_reserved_ip": _ADDRESS,
    "digitalocean_floating_ip": _ADDRESS,
    "digitalocean_reserved_ip_assignment": _ASSIGNMENT,
    "digitalocean_floating_ip_assignment": _ASSIGNMENT,
    "digitalocean_domain": TerraformType("domain", _same_names("name")),
    "digitalocean_vpc": TerraformType(
        "vpc", _same_names("name", "region", "description", "ip_range")
    ),
    "digitalocean_firewall": TerraformType(
        "firewall", _same_names("name", "droplet_ids", "tags"), adjust=_firewall
    ),
}  # fmt: skip
"""One entry for each type that becomes a spec of its own."""

MEMBERSHIPS: Mapping[str, str] = {
    "digitalocean_project": "id",
    "digitalocean_project_resources": "project",
}
"""Types that say which resources (`resources`, urns) are in which project, and its attribute."""

NODE_POOL = "digitalocean_kubernetes_node_pool"
"""Further pools of a cluster, which join its `node_pools`."""

Identity = tuple[str, str]
"""Kind and the provider's id."""


@dataclass(frozen=True)
class StateFile:
    """What one state says of DigitalOcean."""

    path: str
    lineage: str
    serial: int
    specs: Mapping[Identity, Json]
    unknown_types: Mapping[str, int]
    """Instances of `digitalocean_*` types that we have no use for."""
    other_providers: int
    """Instances of other providers."""


@dataclass(frozen=True)
class TerraformSpecs:
    """What reading all states came to; counts of specs."""

    files: tuple[StateFile, ...]
    recorded: int
    """Known resources that the states describe."""
    changed: int
    withdrawn: int
    """Specs whose resource left the state it came from."""
    not_in_inventory: tuple[str, ...]
    """Described, but no listing has shown them: as kind/id."""


def parse_state(text: bytes, path: str) -> StateFile:
    """Read one state.

    Args:
        text: the file.
        path: where it is from, for messages.

    Raises:
        TerraformError: it is no state, is cut short, or has a format other than 4.
    """
    try:
        state = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise TerraformError(
            f"{path} is no JSON (line {error.lineno}): write it with `terraform state pull`."
        ) from None
    version = state.get("version") if isinstance(state, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise TerraformError(f"{path} is no Terraform state: it has no version.")
    if version != FORMAT:
        raise TerraformError(
            f"{path} has state format {version}, this release reads {FORMAT}: "
            + (
                "update arcadia-cloud-pipelines."
                if version > FORMAT
                else "run `terraform apply -refresh-only` with Terraform 0.12 or newer."
            )
        )
    lineage, serial, resources = state.get("lineage"), state.get("serial"), state.get("resources")
    if not isinstance(lineage, str) or not lineage or not isinstance(serial, int):
        raise TerraformError(f"{path} is no whole Terraform state: lineage or serial is missing.")
    if not isinstance(resources, list) or not all(isinstance(r, dict) for r in resources):
        raise TerraformError(f"{path} is no whole Terraform state: resources is missing.")

    specs: dict[Identity, Json] = {}
    pools: dict[str, list[Json]] = {}
    members: list[tuple[str, str]] = []
    unknown: Counter[str] = Counter()
    others = 0
    for name, attributes in _instances(resources, path):
        if not name.startswith("digitalocean_"):
            others += 1
        elif name in MEMBERSHIPS:
            project = attributes.get(MEMBERSHIPS[name])
            urns = attributes.get("resources") or []
            members += [(str(urn), str(project)) for urn in urns if project]
        elif name == NODE_POOL:
            pools.setdefault(str(attributes.get("cluster_id")), []).append(_pool(attributes))
        elif (known := TYPES.get(name)) is None:
            unknown[name] += 1
        elif (identity := attributes.get(known.identity)) not in (None, ""):
            specs.setdefault((known.kind, str(identity)), {}).update(_spec(known, attributes))
    for cluster, more in pools.items():
        spec = specs.get(("kubernetes_cluster", cluster))
        # Without the cluster's own pool the list would not be whole.
        if spec is not None:
            spec["node_pools"] = [*spec.get("node_pools", []), *more]
    for urn, project in members:
        kind, _, provider_id = urn.removeprefix("do:").partition(":")
        if kind in KIND_OF_URN_TYPE and provider_id:
            specs.setdefault((KIND_OF_URN_TYPE[kind], provider_id), {})["project"] = project
    return StateFile(path, lineage, serial, specs, dict(unknown), others)


def _instances(resources: Iterable[Json], path: str) -> Iterator[tuple[str, Json]]:
    """Type and attributes of every instance that Terraform manages and has not replaced."""
    for resource in resources:
        if resource.get("mode") != "managed":
            continue
        name, instances = resource.get("type"), resource.get("instances")
        if not isinstance(name, str) or not isinstance(instances, list):
            raise TerraformError(f"{path} is no whole Terraform state: a resource has no type.")
        for instance in instances:
            attributes = instance.get("attributes") if isinstance(instance, dict) else None
            if isinstance(attributes, dict) and "deposed" not in instance:
                yield name, attributes


def _spec(known: TerraformType, attributes: Json) -> Json:
    found = {ours: attributes.get(theirs) for theirs, ours in known.fields.items()}
    if known.adjust is not None:
        found |= known.adjust(attributes)
    # 0 for no droplet, as the provider writes an address that is not assigned.
    kept = {
        key: value
        for key, value in found.items()
        if value not in (None, "", [], {}) and not (key == "droplet" and not value)
    }
    return without_secrets(kept)[0]


def read_states(paths: Sequence[str]) -> list[StateFile]:
    """Read state files; a pattern such as `states/*.tfstate` stands for all that match.

    Raises:
        TerraformError: one cannot be read, a pattern matches nothing, or two are of one lineage.
    """
    files: list[Path] = []
    for path in paths:
        found = (
            sorted(Path().glob(path))
            if not Path(path).is_absolute()
            else sorted(Path(Path(path).anchor).glob(path.removeprefix(Path(path).anchor)))
        )
        if not found:
            raise TerraformError(f"There is no Terraform state at {path}.")
        files += found
    states = []
    for file in dict.fromkeys(files):
        try:
            states.append(parse_state(file.read_bytes(), str(file)))
        except OSError as error:
            raise TerraformError(f"{file} cannot be read: {error.strerror}.") from None
    for state in states:
        twins = [other.path for other in states if other.lineage == state.lineage]
        if len(twins) > 1:
            raise TerraformError(
                f"{' and '.join(twins)} are copies of one state (lineage {state.lineage}): keep "
                "the newest."
            )
    return states


_SQL = Statements(__file__)


def record_states(
    warehouse: Warehouse, paths: Sequence[str], *, now: Clock = utc_now
) -> TerraformSpecs:
    """Read state files and record what they say, all or nothing.

    A field is written when a state says something new of it: what was accepted or recorded by
    hand since stays until Terraform changes it. A resource that left its state is not desired by
    it any more, so that what Terraform destroyed is no drift.

    Raises:
        TerraformError: a file is broken; no spec was touched.
    """
    states = read_states(paths)
    warehouse.check_migrated()
    recorded: set[int] = set()
    changed = withdrawn = 0
    absent: dict[str, None] = {}
    with warehouse.transaction() as connection:
        lock(connection)
        for state in states:
            source = f"terraform/{state.lineage}"
            wanted = [
                {"kind": kind, "provider_id": provider_id, "spec": spec}
                for (kind, provider_id), spec in state.specs.items()
            ]
            found = _SQL.run(connection, "resolve", {"wanted": orjson.dumps(wanted).decode()}).all()
            rows = [
                {"resource_id": row.resource_id, "spec": wanted[row.ordinal - 1]["spec"]}
                for row in found
                if row.resource_id is not None
            ]
            absent |= {
                "{kind}/{provider_id}".format(**wanted[row.ordinal - 1]): None
                for row in found
                if row.resource_id is None
            }
            reason, at = f"serial {state.serial}", now()
            recorded |= {row["resource_id"] for row in rows}
            changed += write_specs(
                connection, rows, mode="follow", source=source, actor=ACTOR, reason=reason, at=at
            )
            withdrawn += _SQL.run(
                connection, "withdraw",
                {"source": source, "kept": [row["resource_id"] for row in rows], "actor": ACTOR,
                 "reason": f"{reason} lacks it", "at": at},
            ).scalar_one()  # fmt: skip
    return TerraformSpecs(tuple(states), len(recorded), changed, withdrawn, tuple(absent))
