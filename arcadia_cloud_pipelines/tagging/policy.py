"""The tag policy: which tags resources must have, in a TOML file that is reviewed like code.

    [[tag]]
    key = "env"
    values = ["prod", "staging"]
    kind = ["droplet", "volume"]

A resource needs a tag with each `key` that is asked of it: `env:prod` has the key env and the value
prod, a tag without a colon is a key with an empty value. `values` says which are allowed; without
it any is. It is asked of all kinds that can carry tags, or of each `kind` that is named, and in any
case of one `project` (name or uuid), `tenant` or `account` alone where these are given. Capitals
make no difference. Where several are about one key and resource, all of them hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from ..inventory.kind_names import unknown_kind
from ..kinds import REGISTRY
from ..settings.reviewed_files import ONE_OR_MORE, ReviewedFileError, Text, parse, read_text
from ..warehouse.copy import array_literal, copy_rows
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements

VARIABLE = "ARCADIA_TAG_POLICY"
MOST = 500

statements = Statements(__file__)
# DigitalOcean's tags: letters, digits, colons, dashes and underscores, at most 255.
_KEY = re.compile(r"\w[\w-]{0,199}", re.ASCII)
_VALUE = re.compile(r"[\w:-]{0,199}", re.ASCII)


class TagPolicyError(ReviewedFileError):
    """The tag policy cannot be used, and changes nothing; the text names file, entry and key."""


def _key(text: str) -> str:
    if not _KEY.fullmatch(text):
        raise ValueError(
            "must be 1 to 200 letters, digits, - and _, as tags at DigitalOcean have them"
        )
    return text.lower()


def _value(text: str) -> str:
    if not _VALUE.fullmatch(text):
        raise ValueError("must be letters, digits, :, - and _, as tags at DigitalOcean have them")
    return text.lower()


def _kind(name: str) -> str:
    problem = unknown_kind(name)
    if problem is not None:
        raise ValueError(problem)
    if name not in _taggable():
        raise ValueError("is a kind that cannot carry tags")
    return name


def _sorted(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(values))


def _taggable() -> frozenset[str]:
    return frozenset(kind.name for kind in REGISTRY if kind.taggable)


Key = Annotated[str, AfterValidator(_key)]
Values = Annotated[
    tuple[Annotated[str, AfterValidator(_value)], ...],
    *ONE_OR_MORE, AfterValidator(_sorted),
]  # fmt: skip
Kinds = Annotated[
    tuple[Annotated[str, AfterValidator(_kind)], ...],
    *ONE_OR_MORE, AfterValidator(_sorted),
]  # fmt: skip


class Wanted(BaseModel):
    """A key that tags must have, and of which resources."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    key: Key
    values: Values | None = None
    kind: Kinds | None = None
    project: Text | None = None
    tenant: Text | None = None
    account: Text | None = None


class TagPolicy(BaseModel):
    """A file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    tag: tuple[Wanted, ...]


def read_policy(path: Path) -> TagPolicy:
    """Read a file.

    Raises:
        TagPolicyError: it cannot be read, or `load_policy` refuses it.
    """
    try:
        text = read_text(path, VARIABLE)
    except ReviewedFileError as error:
        raise TagPolicyError(str(error)) from None
    return load_policy(text, str(path))


def load_policy(text: str, source: str) -> TagPolicy:
    """Read and check a policy.

    Args:
        text: TOML, as the head of this module says.
        source: what messages call it.

    Raises:
        TagPolicyError: it is not TOML, a key is unknown, missing or unusable, or an entry is twice.
    """
    try:
        policy = parse(text, source, file=TagPolicy, entry=Wanted, table="tag")
    except ReviewedFileError as error:
        raise TagPolicyError(str(error)) from None
    for problem in _problems(policy):
        raise TagPolicyError(f"{source}, {problem}.")
    return policy


def _problems(policy: TagPolicy) -> Iterator[str]:
    if len(policy.tag) > MOST:
        yield f"tag: there are {len(policy.tag):,} tags; write at most {MOST:,}"
    before: dict[Wanted, int] = {}
    for number, one in enumerate(policy.tag, 1):
        asked = one.model_copy(update={"values": None})
        if asked in before:
            yield (
                f"tag {number} ({one.key}), key: tag {before[asked]} asks the same resources for it"
            )
        before[asked] = number


def follow_policy(warehouse: Warehouse, path: Path | None) -> int:
    """Bring `cloud_tag_policy` to the file, in one transaction, and return how many there are.

    Without a file there are none.

    Raises:
        TagPolicyError: the file cannot be used; the policy is as it was.
        WarehouseError: the warehouse is away or not migrated; the policy is as it was.
    """
    warehouse.check_migrated()
    policy = read_policy(path) if path is not None else TagPolicy(tag=())
    with warehouse.transaction() as connection:
        statements.run(connection, "lock")
        statements.run(connection, "create_read")
        copy_rows(
            connection, "read_policy",
            ("tag_key", "allowed_values", "kinds", "project", "tenant_id", "account"),
            (
                (
                    one.key, _array(one.values), _array(one.kind), one.project, one.tenant,
                    one.account,
                )
                for one in policy.tag
            ),
        )  # fmt: skip
        statements.run(connection, "delete_gone")
        statements.run(connection, "insert_new")
    return len(policy.tag)


def _array(values: tuple[str, ...] | None) -> str | None:
    return None if values is None else array_literal(values)
