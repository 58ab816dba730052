"""Sources, copies and older states told apart, and what all of them say together.

Plain rules, no database. A source is `terraform/<lineage>`; where several states share a lineage,
as workspaces that began as copies do, the further ones are `terraform/<lineage>@<path>`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..kinds import DROPLET, KUBERNETES_CLUSTER, VOLUME
from .terraform_contents import Contents, Identity
from .terraform_state import StateFile
from .terraform_types import Json

PREFIX = "terraform/"


@dataclass(frozen=True)
class Source:
    """A source as it was last read."""

    source: str
    lineage: str
    path: str
    serial: int | None
    contents: Contents
    held: Contents
    """What it said before and says no more: kept until somebody confirms."""
    configured: bool = True


@dataclass(frozen=True)
class SourceProblem:
    """Something that keeps a source from being read, or what it says from being applied."""

    path: str
    status: str
    """unreadable, older, copy, held or orphaned."""
    text: str
    source: str | None = None
    """None when nobody knows which source it would be."""


@dataclass
class Matched:
    """The file that speaks for each source."""

    chosen: dict[str, StateFile] = field(default_factory=dict)
    problems: list[SourceProblem] = field(default_factory=list)


def match_sources(states: Iterable[StateFile], known: Sequence[Source]) -> Matched:
    """Find the source of each file. Of several files of one source the newest speaks for it."""
    matched = Matched()
    lineages: dict[str, list[StateFile]] = {}
    for state in states:
        lineages.setdefault(state.lineage, []).append(state)
    for lineage, files in lineages.items():
        rows = {s.source: (s.path, _marks(s.contents)) for s in known if s.lineage == lineage}
        serials = {s.source: s.serial for s in known}
        candidates: dict[str, list[StateFile]] = {}
        for file in sorted(files, key=lambda f: (-f.serial, f.path)):
            source = _source_of(file, rows, {f.path for f in files})
            rows.setdefault(source, (file.path, _marks(file.contents)))
            candidates.setdefault(source, []).append(file)
        for source, found in candidates.items():
            _choose(matched, source, found, serials.get(source))
    return matched


def _source_of(
    file: StateFile, rows: Mapping[str, tuple[str, Collection[Any]]], paths: Collection[str]
) -> str:
    marks = _marks(file.contents)
    for source, (path, _) in rows.items():
        if path == file.path:
            return source
    shared = {source: len(marks & set(others)) for source, (_, others) in rows.items()}
    if any(shared.values()):
        return max(shared, key=lambda source: shared[source])
    # Nothing to go by: a state that moved, unless it is one of several.
    empty = [
        source
        for source, (path, others) in rows.items()
        if (not marks and not others) or ((not marks or not others) and path not in paths)
    ]
    if empty:
        return empty[0]
    base = f"{PREFIX}{file.lineage}"
    return base if base not in rows else f"{base}@{file.path}"


def _choose(
    matched: Matched, source: str, found: Sequence[StateFile], last_serial: int | None
) -> None:
    newest = found[0]
    copies = [file for file in found if file.serial == newest.serial]
    if len(copies) > 1:
        names = " and ".join(file.path for file in copies)
        text = (
            f"{names} are copies of one state (lineage {newest.lineage}, serial {newest.serial}): "
            "keep one."
        )
        matched.problems += [SourceProblem(file.path, "copy", text, source) for file in copies]
    elif last_serial is not None and newest.serial < last_serial:
        text = (
            f"{newest.path} has serial {newest.serial}, but serial {last_serial} of this state was "
            "read before: an older state says nothing. If it was set back on purpose: `arcadia "
            f"provisioned reset-serial {source}`."
        )
        matched.problems.append(SourceProblem(newest.path, "older", text, source))
    else:
        matched.chosen[source] = newest
    for file in found[len(copies) :]:
        text = (
            f"{file.path} is an older copy (serial {file.serial}) of {newest.path} (serial "
            f"{newest.serial}): leave it out."
        )
        matched.problems.append(SourceProblem(file.path, "copy", text))


def _marks(contents: Contents) -> set[Any]:
    """Return what tells one state's contents from another's."""
    pools = {(c, str(p.get("name"))) for c, found in contents.pools.items() for p in found}
    return {("is", *i) for i in contents.specs} | {("claims", *i) for i in contents.claims} | pools


def assemble(contents: Mapping[str, Contents]) -> dict[str, dict[Identity, Json]]:
    """Return what each source says of each resource, with what the others say of its parts.

    Node pools join their cluster, and volumes the droplet that they are attached to, wherever that
    is described. Membership in a project, and what an
    address or a volume is attached to, is known best by whoever manages just that.
    """
    claimed: dict[Identity, set[str]] = {}
    attached: dict[Identity, set[str]] = {}
    pools: dict[str, list[Json]] = {}
    for said in contents.values():
        for identity, claim in said.claims.items():
            claimed.setdefault(identity, set()).update(claim)
            for droplet in claim.get("droplet_ids", ()) if identity[0] == VOLUME.name else ():
                attached.setdefault((DROPLET.name, str(droplet)), set()).add(identity[1])
        for cluster, more in said.pools.items():
            pools.setdefault(cluster, []).extend(more)
    assembled: dict[str, dict[Identity, Json]] = {}
    for source, said in contents.items():
        specs = assembled[source] = {}
        for identity, spec in said.specs.items():
            others = claimed.get(identity, ())
            specs[identity] = {key: value for key, value in spec.items() if key not in others}
            if identity in attached and "volume_ids" in spec:
                volumes = {*(spec["volume_ids"] or ()), *attached[identity]}
                specs[identity]["volume_ids"] = sorted(volumes)
            # Without the cluster's own pool the list would not be whole.
            if (
                identity[0] == KUBERNETES_CLUSTER.name
                and identity[1] in pools
                and "node_pools" in spec
            ):
                specs[identity]["node_pools"] = [*spec["node_pools"], *pools[identity[1]]]
        for identity, claim in said.claims.items():
            specs[identity] = specs.get(identity, {}) | claim
    return assembled
