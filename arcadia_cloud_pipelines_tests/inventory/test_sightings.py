"""The edge: what of an API object is kept, what is noise, and what must never pass."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcadia_cloud_pipelines.inventory.kinds import KIND_BY_NAME, KINDS, Kind
from arcadia_cloud_pipelines.inventory.sightings import Sighting, dropped_fields, sightings
from arcadia_cloud_pipelines.times import parse_time

Json = dict[str, Any]
EXAMPLES = Path(__file__).parent / "examples"


def example(name: str, index: int = 0) -> tuple[Kind, Json]:
    """An official object and its kind."""
    answer = json.loads((EXAMPLES / f"{name}.json").read_text())
    (envelope,) = set(answer) - {"links", "meta"}
    held = answer[envelope]
    by_asset = {k.asset: k for k in KINDS} | {"snapshots": KIND_BY_NAME["droplet_snapshot"]}
    kind = by_asset.get(name) or next(
        k for k in KINDS if any(e.envelope in (envelope, f"{envelope}s") for e in k.endpoints)
    )
    return kind, held[index] if isinstance(held, list) else held


FILES = sorted(path.stem for path in EXAMPLES.glob("*.json"))


def see(kind: Kind, item: Json) -> Sighting:
    (seen,) = sightings(kind, [item])
    return seen


def attrs(seen: Sighting) -> Json:
    return json.loads(seen.attrs)


def test_there_is_an_example_of_every_kind() -> None:
    assert {example(name)[0].name for name in FILES} == KIND_BY_NAME.keys()


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("name", "columns", "some_attrs", "left_out"),
    [
        (
            "droplets",
            ("3164444", "example.com", "nyc3", "active", "s-1vcpu-1gb", ("env:prod", "web"),
             utc(2020, 7, 21, 18, 37, 44)),
            {"memory": 1024, "vcpus": 1, "disk": 25,
             "image": {"id": 63663980, "slug": "ubuntu-20-04-x64"},
             "features": ["backups", "ipv6", "private_networking"]},
            {"next_backup_window", "backup_ids", "snapshot_ids", "locked", "kernel", "size"},
        ),
        (
            "droplets_gpu",
            ("448543583", "ml-ai-ubuntu-gpu-h100x1-80gb-tor1", "tor1", "active", "gpu-h100x1-80gb",
             (), utc(2024, 9, 30, 15, 23, 36)),
            {"memory": 245760},
            {"volume_ids", "disk_info"},
        ),
        (
            "volumes",
            ("506f78a4-e098-11e5-ad9f-000f53306ae1", "example", "nyc1", None, None,
             ("aninterestingtag",), utc(2016, 3, 2, 17, 0, 49)),
            {"size_gigabytes": 10, "filesystem_type": "ext4"},
            {"region", "droplet_ids"},
        ),
        (
            "databases",
            ("9cc10173-e9ea-4176-9dbc-a4cee4c4ff30", "backend", "nyc3", "online",
             "db-s-2vcpu-4gb", ("production",), utc(2019, 1, 11, 18, 37, 36)),
            {"engine": "pg", "version": "10", "num_nodes": 1, "db_names": ["defaultdb"],
             "connection": {"host": "backend-do-user-19081923-0.db.ondigitalocean.com",
                            "port": 25060, "ssl": True},
             "maintenance_window": {"day": "saturday", "hour": "08:45:12"}},
            {"users", "size", "region"},
        ),
        (
            "kubernetes_clusters",
            ("bd5f5959-5e1e-4205-a714-a914373942af", "prod-cluster-01", "nyc1", "provisioning",
             None, ("k8s", "k8s:bd5f5959-5e1e-4205-a714-a914373942af", "production", "web-team"),
             utc(2018, 11, 15, 16, 0, 11)),
            {"version": "1.18.6-do.0", "ipv4": "68.183.121.157"},
            {"status", "updated_at"},
        ),
        (
            "load_balancers",
            ("4de7ac8b-495b-4884-9a69-1050c6793cd6", "example-lb-01", "nyc3", "new", "lb-small",
             (), utc(2017, 2, 1, 22, 22, 58)),
            {"droplet_ids": [3164444, 3164445], "sticky_sessions": {"type": "none"}},
            {"tag", "region", "size"},
        ),
        (
            "reserved_ips",
            ("45.55.96.47", "45.55.96.47", "nyc3", None, None, (), None),
            {},
            {"droplet", "ip", "locked", "project_id"},
        ),
        (
            "reserved_ip_assigned",
            ("45.55.96.47", "45.55.96.47", "nyc3", None, None, (), None),
            {"droplet": {"id": 3164444}},
            {"locked"},
        ),
        (
            "domains",
            ("example.com", "example.com", None, None, None, (), None),
            {"ttl": 1800},
            {"zone_file", "name"},
        ),
        (
            "snapshots",
            ("6372321", "web-01-1595954862243", None, None, None, ("env:prod", "web"),
             utc(2020, 7, 28, 16, 47, 44)),
            {"regions": ["nyc3", "sfo3"], "resource_id": "200776916", "size_gigabytes": 2.34},
            {"id", "tags"},
        ),
        (
            "registries",
            ("example", "example", "fra1", None, None, (), utc(2020, 3, 21, 16, 2, 37)),
            {},
            {"storage_usage_bytes", "storage_usage_bytes_updated_at"},
        ),
    ],
)  # fmt: skip
def test_official_examples(
    name: str, columns: tuple[Any, ...], some_attrs: Json, left_out: set[str]
) -> None:
    seen = see(*example(name))
    assert seen[:7] == columns
    kept = attrs(seen)
    assert kept | some_attrs == kept
    assert not left_out & kept.keys()


def test_what_the_object_says_of_its_project_is_kept_apart() -> None:
    seen = see(*example("reserved_ips"))
    assert seen.project == "746c6152-2fa2-11ed-92d3-27aaa54e4988"


def test_a_balancer_of_a_tag_does_not_change_with_its_droplets() -> None:
    kind, tagged = example("load_balancers", 1)
    assert attrs(see(kind, tagged))["tag"] == "prod:web"
    assert see(kind, tagged) == see(kind, tagged | {"droplet_ids": [1, 2]})
    _, plain = example("load_balancers", 0)
    assert see(kind, plain) != see(kind, plain | {"droplet_ids": [1, 2]})


def test_pools_count_nodes_without_listing_them() -> None:
    pools = attrs(see(*example("kubernetes_clusters")))["node_pools"]
    assert {pool["name"]: pool["count"] for pool in pools} == {
        "frontend-pool": 3, "backend-pool": 2,
    }  # fmt: skip
    assert not [pool for pool in pools if "nodes" in pool]


@pytest.mark.parametrize("field", ["name", "region", "status", "size_slug", "tags", "created_at"])
def test_a_column_is_never_a_dropped_field(field: str) -> None:
    """Else nobody would notice that it went empty everywhere at once."""
    assert not [kind.name for kind in KINDS if field in dropped_fields(kind)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_an_object_may_lack_everything_but_its_identity(kind: Kind) -> None:
    assert see(kind, {kind.identity: "x"}).provider_id == "x"
    for nothing in ({}, {kind.identity: None}, {kind.identity: ""}, {kind.identity: {}}):
        with pytest.raises(KeyError):
            sightings(kind, [nothing])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("value", [7, True, "text", 1.5, [], ["x"], [[]], {}, {"slug": 1}, None])
def test_a_field_may_have_any_shape(kind: Kind, value: Any) -> None:
    _, item = next(example(f) for f in FILES if example(f)[0] is kind)
    for key in item:
        if key != kind.identity:
            see(kind, item | {key: value})


# -- noise --------------------------------------------------------------------------------------

EMPTY: list[Any] = ["", None, [], {}]  # to be copied


def places(value: Any) -> Iterator[Any]:
    """Every object and list inside."""
    if isinstance(value, (dict, list)):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from places(inner)


def change_noise(kind: Kind, item: Json, random: Random) -> None:
    """Give noisy fields other values."""
    for path in kind.noise:
        *parents, last = path.split(".")
        holders = [item]
        for step in parents:
            found = [h.get(step) for h in holders if isinstance(h, dict)]
            holders = [h for f in found for h in (f if isinstance(f, list) else [f])]
        for holder in holders:
            if not isinstance(holder, dict):
                continue
            if last == "region":  # only its slug is meant
                holder[last] = {"slug": (holder.get(last) or {}).get("slug"), "x": random.random()}
            else:
                holder[last] = copy.copy(
                    random.choice([*EMPTY, 1, "x", [random.random()], {"a": "b"}])
                )
    for name, wanted in kind.keep.items():
        if isinstance(item.get(name), dict):
            assert "new" not in wanted
            item[name]["new"] = random.random()


def shuffle(value: Any, random: Random) -> None:
    for place in places(value):
        if isinstance(place, list):
            random.shuffle(place)
        else:
            pairs = list(place.items())
            random.shuffle(pairs)
            place.clear()
            place.update(pairs)


def swap_empty(value: Any, random: Random) -> None:
    """One way to say nothing for another, a missing field among them."""
    for place in list(places(value)):
        if not isinstance(place, dict):
            continue
        for key in [k for k, inner in place.items() if inner in EMPTY]:
            place[key] = copy.copy(random.choice(EMPTY))
            if random.random() < 0.5:
                del place[key]
        if random.random() < 0.3:
            place["a_field_of_next_year"] = copy.copy(random.choice(EMPTY))


@given(name=st.sampled_from(FILES), random=st.randoms(use_true_random=False))
def test_noise_never_alters_the_hash(name: str, random: Random) -> None:
    kind, item = example(name)
    noisy = copy.deepcopy(item)
    change_noise(kind, noisy, random)
    shuffle(noisy, random)
    swap_empty(noisy, random)
    assert see(kind, noisy) == see(kind, item)


@given(
    name=st.sampled_from(FILES),
    field=st.sampled_from(["name", "status", "tags", "size_slug", "vcpus", "engine", "ttl"]),
)
def test_what_is_meaningful_does(name: str, field: str) -> None:
    kind, item = example(name)
    used = {kind.title, kind.status, kind.size_slug, kind.tags}
    if field not in item or field == kind.identity or (field not in used and field in kind.noise):
        return
    other = ["something", "else"] if field == "tags" else "other"
    assert see(kind, item | {field: other}).content_hash != see(kind, item).content_hash


# -- secrets ------------------------------------------------------------------------------------

CANARY = "0123456789abcdefCANARY"
SECRET_NAMES = [
    "password", "user_password", "passwd", "passphrase", "secret", "client_secret", "secrets",
    "token", "access_token", "auth_tokens", "token_id", "private_key", "ssh_private_key", "api_key",
    "apiKey", "access_key", "access_key_id", "secret_access_key", "credentials", "kubeconfig",
    "user_data", "userdata", "uri", "connection_uri", "connection_string", "authorization",
    "bearer", "email", "e_mail", "emails", "phone", "phone_number", "dsn", "PASSWORD",
    "certificate_authority_data",
]  # fmt: skip
SECRET_VALUES = [
    f"postgres://doadmin:{CANARY}@host:25060/db?sslmode=require",
    f"https://:{CANARY}@host/",
    f"see rediss://default:{CANARY}@host:1 for more",
    f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n-----END RSA PRIVATE KEY-----",
    f"-----BEGIN PRIVATE KEY-----{CANARY}",
    f"dop_v1_{CANARY}",
    f"Bearer doo_v1_{CANARY}",
]
SHAPES: list[Callable[[Any], Any]] = [
    lambda value: value,
    lambda value: [value],
    lambda value: {"value": value},
    lambda value: [{"deep": [[value]]}],
]


def leaks(seen: Sighting) -> bool:
    return CANARY in repr(seen)


@given(
    file=st.sampled_from(FILES), name=st.sampled_from(SECRET_NAMES),
    shape=st.sampled_from(SHAPES), data=st.data(),
)  # fmt: skip
def test_a_field_that_is_named_like_a_secret_never_passes(
    file: str, name: str, shape: Callable[[Any], Any], data: st.DataObject
) -> None:
    kind, item = example(file)
    objects = [place for place in places(item) if isinstance(place, dict)]
    data.draw(st.sampled_from(objects))[name] = shape(CANARY)
    assert not leaks(see(kind, item))


@given(file=st.sampled_from(FILES), secret=st.sampled_from(SECRET_VALUES), data=st.data())
def test_a_value_that_looks_like_a_secret_never_passes(
    file: str, secret: str, data: st.DataObject
) -> None:
    kind, item = example(file)
    place = data.draw(st.sampled_from(list(places(item))))
    if isinstance(place, list):
        place.append(secret)
    else:
        keys = sorted(k for k in place if k != kind.identity or place is not item)
        place[data.draw(st.sampled_from([*keys, "new"]))] = secret
    assert not leaks(see(kind, item))


def test_no_secret_of_the_official_examples_passes() -> None:
    for name in FILES:
        seen = see(*example(name))
        for word in ("EXAMPLE-REDACTED", "doadmin", "user@example.com"):
            assert word not in repr(seen), name


# -- texts and times ----------------------------------------------------------------------------


def test_nul_characters_which_postgresql_cannot_hold() -> None:
    kind, item = example("volumes")
    seen = see(kind, item | {"name": "a\0b", "tags": ["c\0"], "description": "\0"})
    assert (seen.name, seen.tags, attrs(seen)["description"]) == (
        "a\ufffdb",
        ("c\ufffd",),
        "\ufffd",
    )
    assert b"\\u0000" not in see(kind, item | {"a\0b": {"c\0": 1}}).attrs
    assert "\0" not in see(kind, item | {"id": "a\0b"}).provider_id


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2020-07-21T18:37:44Z", utc(2020, 7, 21, 18, 37, 44)),
        ("2019-09-03T16:34:46.000+00:00", utc(2019, 9, 3, 16, 34, 46)),
        ("2020-03-13T19:20:47.442049222Z", utc(2020, 3, 13, 19, 20, 47, 442049)),
        ("2020-03-13T21:20:47+02:00", utc(2020, 3, 13, 19, 20, 47)),
        ("2020-03-13T19:20:47", utc(2020, 3, 13, 19, 20, 47)),
        ("0001-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("", None),
        (None, None),
        ("soon", None),
        (1584127247, None),
    ],
)
def test_times_in_every_spelling(text: Any, time: datetime | None) -> None:
    assert parse_time(text) == time
    kind, item = example("volumes")
    assert see(kind, item | {"created_at": text}).created_at == time
