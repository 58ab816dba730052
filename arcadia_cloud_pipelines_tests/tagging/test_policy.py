"""The tag policy: what the file may say, and what breaks it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from arcadia_cloud_pipelines.tagging.assets import followed, reviewed_tag_policy
from arcadia_cloud_pipelines.tagging.policy import (
    TagPolicy,
    TagPolicyError,
    Wanted,
    follow_policy,
    load_policy,
)
from arcadia_cloud_pipelines.tagging.report import broken
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..marts.conftest import Account

GOOD = """
[[tag]]
key = "Env"
values = ["Prod", "staging"]

[[tag]]
key = "owner"
kind = "droplet"
project = "shop"
"""


def test_a_file_says_which_tags_resources_must_have() -> None:
    assert load_policy(GOOD, "tags.toml") == TagPolicy(
        tag=(
            Wanted(key="env", values=("prod", "staging")),
            Wanted(key="owner", kind=("droplet",), project="shop"),
        )
    )
    assert load_policy("tag = []", "tags.toml") == TagPolicy(tag=())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no [[tag]] table"),
        ("tag = 1", "has no [[tag]] table"),
        ("[[tags]]\nkey = 'a'", "has no [[tag]] table"),
        ("[[tag]", "is not valid TOML"),
        ("owner = 1\ntag = []", ", owner: is not a key; known are tag."),
        ("tag = ['env']", "tag 1: must be a table"),
        ("[[tag]]\nvalues = ['a']", "tag 1, key: is missing"),
        ("[[tag]]\nkey = 7", "tag 1, key: must be a text"),
        ("[[tag]]\nkey = 'env:prod'", "key: must be 1 to 200 letters"),
        ("[[tag]]\nkey = ''", "key: must be 1 to 200 letters"),
        ("[[tag]]\nkey = 'größe'", "key: must be 1 to 200 letters"),
        (
            "[[tag]]\nkey = 'env'\nvalue = 'a'",
            "tag 1 (env), value: is not a key; known are k",
        ),
        ("[[tag]]\nkey = 'env'\nvalues = []", "tag 1 (env), values: must name at least one"),
        ("[[tag]]\nkey = 'env'\nvalues = ['a', 'A']", "values: names one of them twice"),
        ("[[tag]]\nkey = 'env'\nvalues = ['a b']", "must be letters, digits, :"),
        ("[[tag]]\nkey = 'env'\nvalues = [1]", "tag 1 (env), values, 0: must be a text"),
        ("[[tag]]\nkey = 'env'\nkind = 'dropplet'", "is not a kind; near ones are droplet"),
        ("[[tag]]\nkey = 'env'\nkind = ['droplet', 'domain']", "is a kind that cannot carry tags"),
        ("[[tag]]\nkey = 'env'\nproject = ' shop'", "project: must be a text of 1 to 255"),
        (GOOD + "[[tag]]\nkey = 'ENV'\n", "tag 3 (env), key: tag 1 asks the same resources for it"),
    ],
)
def test_a_bad_file_is_refused_with_file_entry_and_key(text: str, says: str) -> None:
    with pytest.raises(TagPolicyError, match=r"^tags\.toml") as refused:
        load_policy(text, "tags.toml")
    assert says in str(refused.value)


@given(st.text())
def test_no_text_breaks_the_reading(text: str) -> None:
    try:
        load_policy(text, "tags.toml")
    except TagPolicyError as error:
        assert str(error).startswith("tags.toml")  # noqa: PT017


def stored(warehouse: Warehouse) -> list[Sequence[Any]]:
    with warehouse.transaction() as connection:
        return list(
            connection.execute(
                sa.text("SELECT id, tag_key, allowed_values, kinds, project FROM cloud_tag_policy "
                        "ORDER BY id")
            ).tuples()
        )  # fmt: skip


def test_the_table_follows_the_file(warehouse: Warehouse, tmp_path: Path) -> None:
    file = tmp_path / "tags.toml"
    file.write_text(GOOD)
    assert follow_policy(warehouse, file) == 2
    first = stored(warehouse)
    assert [row[1:] for row in first] == [
        ("env", ["prod", "staging"], None, None),
        ("owner", None, ["droplet"], "shop"),
    ]
    file.write_text(GOOD.replace("shop", "web"))
    follow_policy(warehouse, file)
    assert stored(warehouse)[0] == first[0], "what is as it was keeps its row"
    assert stored(warehouse)[1][4] == "web"
    file.write_text("[[tag]]\nkey = ''")
    with pytest.raises(TagPolicyError):
        follow_policy(warehouse, file)
    assert len(stored(warehouse)) == 2
    with pytest.raises(TagPolicyError, match="not a file: set ARCADIA_TAG_POLICY to the path"):
        follow_policy(warehouse, tmp_path / "missing.toml")
    follow_policy(warehouse, None)
    assert stored(warehouse) == []


POLICY = """
[[tag]]
key = "env"
values = ["prod", "staging"]
[[tag]]
key = "owner"
kind = "droplet"
project = "Shop"
[[tag]]
key = "cost"
tenant = "acme"
[[tag]]
key = "other"
account = "0000000000000000000000000000000000000000"
"""


def test_what_breaks_the_policy(warehouse: Warehouse, tmp_path: Path) -> None:
    file = tmp_path / "tags.toml"
    file.write_text(POLICY)
    follow_policy(warehouse, file)
    with warehouse.transaction() as connection:
        account = Account(connection)
        shop, acme = account.project("shop"), account.project("lab", tenant="acme")
        rows = {
            "good": ("droplet", ["ENV:Prod", "owner"], shop),
            "no-owner": ("droplet", ["env:prod"], shop),
            "volume of the shop": ("volume", ["env:prod"], shop),
            "bad value": ("droplet", ["env:stage", "env:prod", "owner:x"], shop),
            "key alone": ("droplet", ["env"], None),
            "value with a colon": ("droplet", ["env:prod:x"], None),
            "a longer key": ("volume", ["environment:prod"], None),
            "nothing": ("droplet", [], acme),
            "cost only": ("volume", ["cost:9"], acme),
            "cannot": ("domain", [], None),
        }
        for number, (name, (kind, tags, project)) in enumerate(rows.items()):
            account.resource(kind, str(number), name=name, tags=tags, project_id=project)
        found = {
            row.name: (row.missing_keys, row.bad_tags)
            for row in connection.execute(sa.text("SELECT * FROM marts.untagged_resources"))
        }
    assert found == {
        "no-owner": (["owner"], []),
        "bad value": ([], ["env:stage"]),
        "key alone": ([], ["env"]),
        "value with a colon": ([], ["env:prod:x"]),
        "a longer key": (["env"], []),
        "nothing": (["cost", "env"], []),
        "cost only": (["env"], []),
    }
    assert broken(warehouse).resources == 7
    result = followed(warehouse)
    assert not result.passed  # type: ignore[union-attr]
    assert "7 resources" in str(result.description)  # type: ignore[union-attr]
    follow_policy(warehouse, None)
    assert followed(warehouse).passed  # type: ignore[union-attr]
    with warehouse.transaction() as connection:
        names = connection.execute(sa.text("SELECT name FROM marts.untagged_resources"))
        assert [*names.scalars()] == ["nothing"]


def test_the_asset_is_refreshed_with_the_inventory() -> None:
    [spec] = reviewed_tag_policy.specs
    assert spec.group_name == "inventory"
