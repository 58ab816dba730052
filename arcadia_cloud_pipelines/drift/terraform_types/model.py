"""The model of a Terraform type: which of its attributes says what of one kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
Names = Mapping[str, str]


EMPTY: tuple[Any, ...] = (None, "", [], {})
"""The ways to say nothing."""


class Unreadable(Exception):
    """A value has another shape than its attribute has; the text names the attribute."""


@dataclass(frozen=True)
class Block:
    """A block of attributes, which the API shows as an object. All names: attribute → key."""

    key: str
    """The name of the object in the API."""
    names: Names = field(default_factory=dict)
    """Single values."""
    lists: Names = field(default_factory=dict)
    """Lists of single values."""
    inner: Mapping[str, Block] = field(default_factory=dict)
    """Blocks inside, by the attribute that holds them."""
    many: bool = False
    """Whether the API shows a list of such objects. Else there is at most one."""

    def read(self, attributes: Json, name: str) -> Any:
        """Return what the block says; None for nothing.

        Raises:
            Unreadable: it has another shape.
        """
        made = [self._object(block) for block in blocks(attributes, name)]
        return (made if self.many else made[0]) if made else None

    def _object(self, block: Json) -> Json:
        values = {key: scalar(block, name) for name, key in self.names.items()}
        values |= {key: scalars(block, name) for name, key in self.lists.items()}
        values |= {inner.key: inner.read(block, name) for name, inner in self.inner.items()}
        return {key: value for key, value in values.items() if value not in EMPTY}

    def keys(self) -> dict[str, frozenset[str]]:
        """Return the keys that it can say, by the name of the object that has them."""
        own = {*self.names.values(), *self.lists.values(), *(b.key for b in self.inner.values())}
        found = {self.key: frozenset(own)}
        for inner in self.inner.values():
            for name, keys in inner.keys().items():
                found[name] = found.get(name, frozenset()) | keys
        return found


@dataclass(frozen=True)
class TerraformType:
    """One type of Terraform, as it describes one kind. All names: its attribute → our field."""

    kind: str
    said: Names = field(default_factory=dict)
    """Single values that the provider requires or computes: empty means not known, not none."""
    settings: Names = field(default_factory=dict)
    """Single values that may be left out of the code: empty is desired to be empty."""
    lists: Names = field(default_factory=dict)
    """Lists that may be left out of the code: an empty one is desired to be empty."""
    said_lists: Names = field(default_factory=dict)
    """Lists that the provider requires or computes: an empty one means not known."""
    said_blocks: Mapping[str, Block] = field(default_factory=dict)
    """Blocks by attribute that the provider requires or computes: none means not known."""
    identity: tuple[str, ...] = ("id",)
    """Where the provider's id is: the first that is there. `a/b` is two attributes together."""
    identity_is_new: bool = False
    """Older versions of the provider have no such attribute, and say nothing that we could use."""
    normal: Callable[[str], str] | None = None
    """The one spelling of an identity that has several."""
    unless: Callable[[Json], bool] | None = None
    """Tells which instances say nothing that we could use."""
    adjust: Callable[[Json], Json] | None = None
    """Further fields, for what renaming cannot say."""
    adjusted: tuple[str, ...] = ()
    """Their names."""

    def fields(self) -> frozenset[str]:
        """Return all fields that it can say."""
        renamed = (self.said, self.settings, self.lists, self.said_lists)
        own = {ours for names in renamed for ours in names.values()}
        return frozenset(own | {b.key for b in self.said_blocks.values()} | {*self.adjusted})


def same_names(*names: str, **renamed: str) -> dict[str, str]:
    """Map names to themselves, and those that are called otherwise to ours."""
    return {name: name for name in names} | renamed


def scalar(attributes: Json, name: str) -> Any:
    """Return a single value; None when it is empty.

    Raises:
        Unreadable: it is a list or an object, or PostgreSQL cannot store it.
    """
    return _scalar(attributes.get(name), name)


def scalars(attributes: Json, name: str) -> list[Any]:
    """Return a list of single values; an empty one for null.

    Raises:
        Unreadable: it is no list, or holds something else.
    """
    values = attributes.get(name)
    if values in EMPTY:
        return []
    if not isinstance(values, list):
        raise Unreadable(f"{name} is not a list")
    found = (_scalar(value, f"{name}[{n}]") for n, value in enumerate(values))
    return [value for value in found if value is not None]


def blocks(attributes: Json, name: str) -> list[Json]:
    """Return blocks of attributes; none for null.

    Raises:
        Unreadable: it is no list of objects.
    """
    values = attributes.get(name)
    if values in EMPTY:
        return []
    if not isinstance(values, list):
        raise Unreadable(f"{name} is not a list of blocks")
    for n, value in enumerate(values):
        if not isinstance(value, dict):
            raise Unreadable(f"{name}[{n}] is not a block of attributes")
    return values


def _scalar(value: Any, name: str) -> Any:
    if value in EMPTY:
        return None
    if isinstance(value, (list, dict)):
        raise Unreadable(f"{name} is not a single value")
    if isinstance(value, str) and "\0" in value:
        raise Unreadable(f"{name} holds a zero byte")
    return value


def spec_of(known: TerraformType, attributes: Json) -> Json:
    """Return what one instance says, by our names. An attribute that is not there says nothing.

    Raises:
        Unreadable: an attribute has another shape.
    """
    spec: Json = {}
    for name, ours in known.said.items():
        if (value := scalar(attributes, name)) is not None:
            spec[ours] = value
    for name, ours in known.settings.items():
        if name in attributes:
            spec[ours] = scalar(attributes, name)
    for name, ours in known.lists.items():
        if name in attributes:
            spec[ours] = scalars(attributes, name) or None
    for name, ours in known.said_lists.items():
        if values := scalars(attributes, name):
            spec[ours] = values
    for name, block in known.said_blocks.items():
        if (value := block.read(attributes, name)) is not None:
            spec[block.key] = value
    return spec | (known.adjust(attributes) if known.adjust else {})


def single_values(attributes: Json, name: str) -> Json:
    """Return a map of single values; an empty one for null.

    Raises:
        Unreadable: it is no map, or holds something else.
    """
    values = attributes.get(name) or {}
    if not isinstance(values, dict):
        raise Unreadable(f"{name} is not a map")
    return {key: _scalar(value, f"{name}.{key}") for key, value in values.items()}
