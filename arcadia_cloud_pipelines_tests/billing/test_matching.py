from __future__ import annotations

import dataclasses
import re
import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcadia_cloud_pipelines.billing.matching import FREE_KINDS, match_with_kinds
from arcadia_cloud_pipelines.billing.products import classify_lines, product_rules

ALL = frozenset({
    "droplet", "droplet_snapshot", "volume", "volume_snapshot", "database", "kubernetes_cluster",
    "load_balancer", "reserved_ip", "reserved_ipv6", "registry", "app", "uptime_check", "image",
    "database_replica", "node_pool", "spaces_bucket", "nfs_share", "nfs_snapshot",
})  # fmt: skip
UUID = "9cc10173-e9ea-4176-9dbc-a4cee4c4ff30"
OTHER = "11111111-2222-4333-8444-555555555555"
MONTH = "2026-04-01"
HOUR = timedelta(hours=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


APRIL, MAY = at("04-01"), at("05-01")


@dataclasses.dataclass
class Line:
    product: str | None = "Droplets"
    description: str | None = "web-1 (s-1vcpu-1gb)"
    group: str | None = None
    key: str | None = None
    start: datetime | None = APRIL
    end: datetime | None = MAY
    period: str = MONTH
    second: str | None = None
    amount: str = "1.00"


@dataclasses.dataclass
class Resource:
    id: int
    kind: str = "droplet"
    name: str | None = "web-1"
    provider_id: str = ""
    region: str | None = None
    created: datetime | None = None
    deleted: datetime | None = None


def text(time: datetime | None) -> str | None:
    return None if time is None else f"{time:%Y-%m-%d %H:%M:%S}+00"


def lines_frame(lines: list[Line]) -> pd.DataFrame:
    columns = {
        "product": [line.product for line in lines],
        "group_description": [line.group for line in lines],
        "description": [line.description for line in lines],
        "started_at": [text(line.start) for line in lines],
        "ended_at": [text(line.end) for line in lines],
        "second_key": [line.second for line in lines],
        "resource_key": [line.key for line in lines],
        "amount": [line.amount for line in lines],
        "period": [line.period for line in lines],
    }
    # An index that is not 0, 1, …: the answer must be aligned with it.
    index = pd.Index([7 * n + 3 for n in reversed(range(len(lines)))])
    return classify_lines(pd.DataFrame(columns, index=index, dtype="str"))


def resources_frame(resources: list[Resource]) -> pd.DataFrame:
    def times(name: str) -> Any:
        values = [getattr(resource, name) for resource in resources]
        return pd.Series(values, dtype=object).astype("datetime64[us, UTC]")

    return pd.DataFrame(
        {
            "id": pd.Series([r.id for r in resources], dtype="int64"),
            "kind": pd.Series([r.kind for r in resources], dtype="str"),
            "provider_id": pd.Series([r.provider_id or str(r.id) for r in resources], dtype="str"),
            "name": pd.Series([r.name for r in resources], dtype="str"),
            "region": pd.Series([r.region for r in resources], dtype="str"),
            "created_at": times("created"),
            "first_seen_at": times("created"),
            "last_seen_at": times("deleted"),
            "deleted_at": times("deleted"),
        }
    )


def match(lines: pd.DataFrame, resources: pd.DataFrame, synced: frozenset[str]) -> pd.DataFrame:
    columns = ["resource_id", "match_method", "unmatched_reason", "candidates"]
    return match_with_kinds(lines, resources, synced)[columns]


Answer = tuple[int | None, str | None, str | None, int]


def matched(
    lines: list[Line], resources: list[Resource], synced: frozenset[str] = ALL
) -> list[Answer]:
    frame = lines_frame(lines)
    result = match(frame, resources_frame(resources), synced)
    assert result.index.equals(frame.index)
    assert list(result.columns) == ["resource_id", "match_method", "unmatched_reason", "candidates"]
    assert list(map(str, result.dtypes)) == ["Int64", "str", "str", "int64"]
    return [
        tuple(None if pd.isna(value) else value for value in row)
        for row in result.itertuples(index=False)
    ]  # type: ignore[return-value]


def one(line: Line, *resources: Resource, synced: frozenset[str] = ALL) -> Answer:
    return matched([line], list(resources), synced)[0]


# -- by id ----------------------------------------------------------------------------------------


def test_an_id_says_it_whatever_the_name_and_the_time() -> None:
    resource = Resource(5, provider_id="123", name="renamed", created=at("06-01"))
    assert one(Line(key="123"), resource, Resource(6, name="web-1")) == (5, "resource_id", None, 1)


def test_an_id_is_of_the_lines_kind() -> None:
    image = Resource(5, kind="image", provider_id="123")
    assert one(Line(key="123"), image) == (None, None, "never_seen", 0)


def test_backups_are_about_their_droplet() -> None:
    line = Line("Droplet Backups", "web-1 (Weekly Backup Services)", key="123")
    assert one(line, Resource(5, provider_id="123")) == (5, "resource_id", None, 1)


def test_an_id_we_do_not_know_proves_another_resource() -> None:
    assert one(Line(key="999"), Resource(5)) == (None, None, "never_seen", 0)
    volume = Resource(5, kind="volume", name="data", provider_id=UUID)
    line = Line("Volumes", "data (sfo3) 250GB", key=OTHER)
    assert one(line, volume) == (None, None, "never_seen", 0)


def test_an_id_of_another_form_proves_nothing() -> None:
    balancer = Resource(5, kind="load_balancer", name="lb", provider_id=UUID)
    assert one(Line("Load Balancers", "lb", key="123"), balancer) == (5, "name", None, 1)
    assert one(Line(key=OTHER), Resource(5)) == (5, "name", None, 1)


def test_uuids_have_no_case() -> None:
    volume = Resource(5, kind="volume", name="x", provider_id=UUID)
    line = Line("Volumes", "data (sfo3) 250GB", key=UUID.upper())
    assert one(line, volume) == (5, "resource_id", None, 1)


@pytest.mark.parametrize(
    ("product", "kind"),
    [("Database Clusters", "database"), ("Kubernetes Clusters", "kubernetes_cluster")],
)
def test_the_id_of_a_part_of_a_group_proves_nothing(product: str, kind: str) -> None:
    cluster = Resource(5, kind=kind, name="main", provider_id=UUID)
    line = Line(product, "Node", group="main", key=OTHER)
    assert one(line, cluster) == (5, "group", None, 1)
    assert one(dataclasses.replace(line, key=UUID, group="x"), cluster)[1] == "resource_id"


def test_an_id_of_what_is_known_by_its_address_proves_nothing() -> None:
    address = Resource(5, kind="reserved_ip", name="1.1.1.1", provider_id="1.1.1.1")
    line = Line("Floating IPs", "Unused Floating IP - 1.1.1.1", key=OTHER)
    assert one(line, address) == (5, "name", None, 1)
    assert one(dataclasses.replace(line, key="1.1.1.1"), address) == (5, "resource_id", None, 1)


def test_an_unknown_product_is_matched_by_an_id_that_one_resource_has() -> None:
    line = Line("Quantum Vault", "web-1", key="123")
    share = Resource(5, kind="nfs_share", provider_id="123")
    assert one(line, share) == (5, "resource_id", None, 1)
    assert one(line, share, Resource(6, provider_id="123")) == (None, None, "unknown_product", 0)
    # What costs nothing has numbers, too: a backup policy its droplet's.
    policy = Resource(6, kind="backup_policy", provider_id="123")
    assert one(line, share, policy) == (5, "resource_id", None, 1)
    assert one(line, policy) == (None, None, "unknown_product", 0)


def test_two_resources_with_one_identity_are_refused() -> None:
    with pytest.raises(pd.errors.MergeError):
        one(Line(key="1"), Resource(5, provider_id="1"), Resource(6, provider_id="1"))


IMAGE = Resource(5, kind="image", name="golden image", provider_id="60000077", region="fra1")
REPLICA = Resource(5, kind="database_replica", name="db-1-ro", provider_id=UUID)
POOL = Resource(5, kind="node_pool", name="pool-a", provider_id=UUID)


@pytest.mark.parametrize(
    ("line", "resource"),
    [
        (Line("Droplet Snapshots", "x (fra1) 1GB Droplet Snapshot", key="60000077"), IMAGE),
        (Line("Snapshots", "x", key="60000077"), IMAGE),
        (Line("Droplet Backups", "web-1 (Weekly Backup Services)", key="60000077"), IMAGE),
        (Line("Custom Images", key="7"), Resource(5, kind="droplet_snapshot", provider_id="7")),
        (Line("Database Clusters", "Read-only Node", group="db-1", key=UUID), REPLICA),
        (Line("Kubernetes Clusters", "3 nodes", group="prod", key=UUID), POOL),
        (Line("Volumes", "x", key=UUID), Resource(5, kind="volume_snapshot", provider_id=UUID)),
        (Line("NFS", "x", key=UUID), Resource(5, kind="nfs_snapshot", provider_id=UUID)),
        (Line("Taxes", "x", key=UUID), Resource(5, kind="volume", provider_id=UUID)),
        (Line("New", "x", key=UUID), Resource(5, kind="firewall", provider_id=UUID)),
        (Line(None, "x", key=f"do:dbaas:{UUID}"), Resource(5, kind="database", provider_id=UUID)),
        (Line("Functions", "x", key=UUID),
         Resource(5, kind="function_namespace", provider_id=f"fn-{UUID}")),
        (Line("Spaces Subscription", "Bandwidth", key="assets-prod"),
         Resource(5, kind="spaces_bucket", name="assets-prod", provider_id="assets-prod")),
        (Line("Container Registry", "Container Registry (basic)", key="team"),
         Resource(5, kind="registry", name="team", provider_id="team")),
    ],
)  # fmt: skip
def test_an_id_that_the_mirror_holds_under_another_kind(line: Line, resource: Resource) -> None:
    assert one(line, resource) == (5, "resource_id", None, 1)
    frame = match_with_kinds(lines_frame([line]), resources_frame([resource]), ALL)
    assert list(frame["kind"]) == [resource.kind]


def test_images_and_replicas_match_by_name_under_their_product() -> None:
    line = Line("Droplet Snapshots", "golden image (fra1) 4.71GB Droplet Snapshot")
    assert one(line, IMAGE) == (5, "name", None, 1)
    snapshot = Resource(6, kind="droplet_snapshot", name="golden image", region="fra1")
    assert one(line, IMAGE, snapshot) == (None, None, "ambiguous", 2)
    assert one(Line("Database Clusters", "Node", group="db-1-ro"), REPLICA)[1] == "group"


def test_of_two_ids_the_one_whose_form_the_kind_has_is_asked() -> None:
    droplet = Resource(5, provider_id="123")
    volume = Resource(6, kind="volume", provider_id=UUID, name="data")
    assert one(Line(key=OTHER, second="123"), droplet) == (5, "resource_id", None, 1)
    assert one(Line("Volumes", "x", key=UUID, second="9"), volume)[0] == 6
    assert one(Line(key=OTHER, second="999", description="web-1"), droplet)[2] == "never_seen"


@pytest.mark.parametrize(
    ("product", "taken"), [("Droplets", 5), ("Volumes", 6), ("Load Balancers", 6), ("New", 6)]
)
def test_two_ids_that_disagree_are_told(product: str, taken: int) -> None:
    resources = [Resource(5, provider_id="123"), Resource(6, kind="volume", provider_id=UUID)]
    line = lines_frame([Line(product, "x", key=UUID, second="123")])
    found = match_with_kinds(line, resources_frame(resources), ALL).iloc[0]
    assert found["resource_id"] == taken
    # A number is looked for among the product's kinds alone, if the product has any.
    other = found["conflicting_resource_id"]
    assert other == 11 - taken if product in ("Droplets", "New") else pd.isna(other)


def test_a_cluster_made_again_does_not_get_the_old_ones_lines() -> None:
    new = Resource(5, kind="database", name="main", provider_id=UUID, created=at("04-10 12:00"))
    old = Line("Database Clusters", "Node", group="main", key=OTHER, end=at("04-10 13:00"))
    assert one(old, new) == (None, None, "never_seen", 0)
    assert one(dataclasses.replace(old, key=UUID), new) == (5, "resource_id", None, 1)
    assert one(dataclasses.replace(old, key=None), new) == (5, "group", None, 1)
    gone = dataclasses.replace(new, created=at("01-01"), deleted=at("04-12"))
    later = dataclasses.replace(old, start=at("04-11"), end=MAY)
    assert one(later, gone) == (None, None, "never_seen", 0)
    known = Resource(6, kind="database_replica", name="x", provider_id=OTHER)
    assert one(old, new, known)[:2] == (6, "resource_id")


@pytest.mark.parametrize(
    "text",
    [
        "nightly (fra1) 12.40GB Droplet Snapshot", "nightly (FRA1) 12.40GB Droplet Snapshot",
        "nightly (fra1) 1,204.40 GiB Droplet Snapshot", "nightly (fra1) 1.2TB", "nightly (fra1)",
    ],
)  # fmt: skip
def test_snapshots_of_a_name_are_told_by_their_region(text: str) -> None:
    line = Line("Droplet Snapshots", text)
    here = Resource(5, kind="droplet_snapshot", name="nightly", region="fra1")
    there = Resource(6, kind="droplet_snapshot", name="nightly", region="nyc3")
    both = Resource(7, kind="droplet_snapshot", name="nightly", region="nyc3 fra1")
    assert one(line, here, there) == (5, "name", None, 1)
    assert one(line, there, both) == (7, "name", None, 1)
    assert one(line, here, both) == (None, None, "ambiguous", 2)


BUCKET = Resource(5, kind="spaces_bucket", name="assets-prod", provider_id="assets-prod")


@pytest.mark.parametrize(
    ("description", "answer"),
    [
        ("assets-prod", (5, "name", None, 1)),
        ("assets-prod (nyc3) Outbound Transfer", (5, "name", None, 1)),
        ("Spaces Bandwidth - ASSETS-PROD", (5, "name", None, 1)),
        ("assets-prod (NYC3) Storage", (5, "name", None, 1)),
        ("assets-prod.nyc3.digitaloceanspaces.com", (5, "name", None, 1)),
        ("Storage: assets-prod.nyc3.cdn.digitaloceanspaces.com", (5, "name", None, 1)),
        ("gone-bucket (nyc3) Outbound Transfer", (None, None, "never_seen", 0)),
        ("Spaces ($5/mo 250GiB storage & 1TiB transfer)", (None, None, "not_a_resource", 0)),
        ("Spaces Storage Overage", (None, None, "not_a_resource", 0)),
        (None, (None, None, "not_a_resource", 0)),
    ],
)
def test_a_line_of_spaces_can_name_a_bucket(description: str | None, answer: Answer) -> None:
    assert one(Line("Spaces Subscription", description), BUCKET) == answer


def test_a_bucket_that_an_id_names_and_nobody_has() -> None:
    line = Line("Spaces", "Bandwidth", key="gone-bucket")
    assert one(line, BUCKET) == (None, None, "never_seen", 0)
    assert one(line, synced=frozenset()) == (None, None, "kind_not_synced", 0)


def test_a_credit_by_a_name_of_its_own_is_no_unknown_product() -> None:
    assert one(Line("Anniversary", "x", amount="-3.00")) == (None, None, "not_a_resource", 0)
    assert one(Line("Anniversary", "x", amount="3.00")) == (None, None, "unknown_product", 0)


# -- reasons --------------------------------------------------------------------------------------


def test_what_is_no_resource_is_never_matched() -> None:
    lines = [Line(p, "web-1", key="5") for p in ("Taxes", "CREDITS", "Spaces Subscription")]
    assert set(matched(lines, [Resource(5)])) == {(None, None, "not_a_resource", 0)}


def test_reasons() -> None:
    assert one(Line("New Thing", "web-1"), Resource(5)) == (None, None, "unknown_product", 0)
    assert one(Line(None, "web-1"), Resource(5)) == (None, None, "unknown_product", 0)
    assert one(Line(), synced=frozenset()) == (None, None, "kind_not_synced", 0)
    assert one(Line()) == (None, None, "never_seen", 0)
    assert one(Line(), Resource(5, name="web-2")) == (None, None, "never_seen", 0)
    assert one(Line(), Resource(5), Resource(6)) == (None, None, "ambiguous", 2)


def test_names_are_not_tried_among_half_of_a_kind_but_ids_are() -> None:
    synced = frozenset({"volume"})
    assert one(Line(), Resource(5), synced=synced) == (None, None, "kind_not_synced", 0)
    assert one(Line(key="5"), Resource(5), synced=synced) == (5, "resource_id", None, 1)


def test_no_lines_and_no_resources() -> None:
    assert matched([], [Resource(5)]) == []
    assert matched([], []) == []


# -- names ----------------------------------------------------------------------------------------


def test_names_never_match_across_kinds() -> None:
    assert one(Line(), Resource(5, kind="volume")) == (None, None, "never_seen", 0)


@pytest.mark.parametrize(
    ("described", "name"),
    [
        ("WEB-1 (x)", "web-1"),
        ("STRASSE (x)", "straße"),
        ("e\u0301 (x)", "É"),
        ("a (b) (x)", "A (B)"),
    ],
)
def test_names_have_no_case(described: str, name: str) -> None:
    assert one(Line(description=described), Resource(5, name=name)) == (5, "name", None, 1)


def test_a_description_that_fits_no_pattern_is_the_name() -> None:
    assert one(Line(description="web-1"), Resource(5)) == (5, "name", None, 1)


def test_a_description_without_a_name_finds_nothing() -> None:
    assert one(Line(description=None), Resource(5)) == (None, None, "never_seen", 0)
    assert one(Line(description=None), Resource(5, name=None)) == (None, None, "never_seen", 0)


def test_the_region_must_agree_where_both_have_one() -> None:
    here = Resource(5, kind="volume", name="data", region="sfo3")
    there = Resource(6, kind="volume", name="data", region="nyc1")
    nowhere = Resource(7, kind="volume", name="data")
    line = Line("Volumes", "data (sfo3) 250GB")
    assert one(line, here, there) == (5, "name", None, 1)
    assert one(line, there) == (None, None, "never_seen", 0)
    assert one(line, nowhere, there) == (7, "name", None, 1)
    assert one(line, here, nowhere) == (None, None, "ambiguous", 2)
    assert one(dataclasses.replace(line, description="data"), here, there)[2:] == ("ambiguous", 2)


def test_a_reserved_address_of_version_6() -> None:
    address = Resource(5, kind="reserved_ipv6", name="2604:a880:800:14::42c3:d000")
    line = Line("Reserved IPs", "Unused Reserved IP - 2604:A880:800:14::42c3:d000")
    assert one(line, address) == (5, "name", None, 1)


# -- times ----------------------------------------------------------------------------------------


def test_deleted_resources_match_the_time_they_lived() -> None:
    old = Resource(5, created=at("01-01"), deleted=at("04-09 09:00"))
    assert one(Line(end=at("04-09 05:41:30")), old) == (5, "name", None, 1)
    assert one(Line(start=at("04-10"), end=MAY), old) == (None, None, "never_seen", 0)


def test_one_created_after_the_usage_is_another() -> None:
    assert one(Line(), Resource(5, created=MAY)) == (None, None, "never_seen", 0)
    assert one(Line(), Resource(5, created=MAY - timedelta(seconds=1)))[0] == 5


def test_a_minute_of_usage_may_be_written_down_before_the_droplet_was() -> None:
    start = at("04-10 10:00")
    line = Line(start=start, end=start + timedelta(minutes=1))
    assert one(line, Resource(5, created=start + HOUR))[0] == 5
    assert one(line, Resource(5, created=start + HOUR + timedelta(seconds=1)))[0] is None


def test_a_name_used_again_is_told_by_when_it_began() -> None:
    old = Resource(5, created=at("01-01"), deleted=at("04-10 15:00"))
    new = Resource(6, created=at("04-10 12:00"))
    # The deletion was seen three hours late, so both lived when each line began or ended.
    first = Line(start=APRIL, end=at("04-10 12:30"))
    second = Line(start=at("04-10 12:00"), end=MAY)
    assert one(first, old, new) == (5, "name", None, 2)
    assert one(second, old, new) == (6, "name", None, 2)


def test_two_that_began_together_stay_ambiguous() -> None:
    twins = [Resource(n, created=at("03-01")) for n in (5, 6, 7)]
    assert one(Line(), *twins) == (None, None, "ambiguous", 3)


def test_one_that_began_then_and_was_gone_before_does_not_count() -> None:
    start = at("04-10 12:00")
    brief = Resource(5, created=start - HOUR / 2, deleted=start - HOUR / 4)
    new, old = Resource(6, created=start), Resource(7, created=at("01-01"))
    assert one(Line(start=start), brief, new, old) == (6, "name", None, 2)


def test_usage_of_an_earlier_month_is_not_told_by_the_hour() -> None:
    start = at("03-10 12:00")
    namesakes = Resource(5, created=start), Resource(6, created=at("01-01"))
    line = Line(start=start, end=at("03-20"))
    assert one(line, *namesakes) == (None, None, "ambiguous", 2)
    assert one(dataclasses.replace(line, period="2026-03-01"), *namesakes) == (5, "name", None, 2)


def test_without_times_the_month_counts() -> None:
    line = Line(start=None, end=None)
    assert one(line, Resource(5, created=at("03-01"), deleted=at("03-31 23:00")))[0] is None
    assert one(line, Resource(5, created=at("04-30")))[0] == 5
    assert one(line, Resource(5, created=MAY))[0] is None
    assert (
        one(dataclasses.replace(line, period="2025-12-01"), Resource(5, created=at("01-01")))[0]
        is None
    )


def test_the_first_and_the_last_year_do_not_overflow() -> None:
    first, last = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert one(Line(), Resource(5, created=first, deleted=last)) == (5, "name", None, 1)
    assert one(Line(), Resource(5, created=last), Resource(6, deleted=first))[2] == "never_seen"


def test_times_may_be_datetimes_and_periods_dates() -> None:
    frame = lines_frame([Line(), Line(start=None)])
    expected = match(frame, resources_frame([Resource(5)]), ALL)
    for column in ("started_at", "ended_at"):
        frame[column] = pd.to_datetime(frame[column], utc=True)
    frame["period"] = [APRIL.date()] * 2
    pd.testing.assert_frame_equal(match(frame, resources_frame([Resource(5)]), ALL), expected)


# -- groups and kinds as a whole ------------------------------------------------------------------


def test_groups() -> None:
    line = Line("Database Clusters", "Primary Node", group="DB-1 (PostgreSQL)")
    plain = Resource(5, kind="database", name="db-1")
    whole = Resource(6, kind="database", name="db-1 (PostgreSQL)")
    assert one(line, plain) == (5, "group", None, 1)
    assert one(line, whole) == (6, "group", None, 1)
    # The engine is a suffix if the rest is a name.
    assert one(line, plain, whole) == (5, "group", None, 1)
    assert one(dataclasses.replace(line, group="db-1"), plain, whole) == (5, "group", None, 1)


def test_an_app_by_its_group_else_by_its_description() -> None:
    app = Resource(5, kind="app", name="shop", provider_id=UUID)
    assert one(Line("App Platform", "web", group="shop"), app) == (5, "group", None, 1)
    assert one(Line("App Platform", "shop"), app) == (5, "name", None, 1)


def test_a_suffix_belongs_to_a_name_that_is_no_group() -> None:
    line = Line("Load Balancers", "lb (old)")
    assert one(line, Resource(5, kind="load_balancer", name="lb"))[2] == "never_seen"


def test_a_plan_belongs_to_the_only_one_of_its_kind_that_lived_then() -> None:
    line = Line("Container Registry Subscription", "Container Registry (basic)")
    registry = Resource(5, kind="registry", name="team")
    gone = Resource(6, kind="registry", name="old", deleted=at("01-01"))
    late = Resource(7, kind="registry", name="new", created=at("04-20"))
    assert one(line, registry, gone, Resource(9)) == (5, "group", None, 1)
    assert one(line, registry, late) == (None, None, "ambiguous", 2)
    assert one(line) == (None, None, "never_seen", 0)


def test_an_uptime_check_by_its_name_else_as_the_only_one() -> None:
    check = Resource(5, kind="uptime_check", name="ping")
    assert one(Line("Uptime Health Check", "Ping"), check) == (5, "name", None, 1)
    assert one(Line("Uptime Health Check", "Uptime Health Check"), check) == (5, "group", None, 1)
    assert one(Line("Uptime Health Check", None), check) == (5, "group", None, 1)
    assert one(Line("Uptime Health Check", "pong"), check) == (None, None, "never_seen", 0)


# -- all of it ------------------------------------------------------------------------------------


def test_namesakes_do_not_multiply() -> None:
    count = 10_000
    resources = [
        Resource(n, created=at("04-01") + timedelta(minutes=3 * n), deleted=None if n % 2 else MAY)
        for n in range(count)
    ]
    lines = lines_frame([Line(start=APRIL + timedelta(seconds=7 * n)) for n in range(2 * count)])
    inventory = resources_frame(resources)
    tracemalloc.start()
    result = match(lines, inventory, ALL)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (result["unmatched_reason"] == "ambiguous").all()
    # Everything here began before the end and nothing ended before the start.
    assert (result["candidates"] == count).all()
    # A pair of each, in one byte, would be 200 MB.
    assert peak < 60_000_000


def plainly(lines: list[Line], resources: list[Resource], synced: frozenset[str]) -> list[Answer]:
    texts = lines_frame(lines)
    return [plain(line, texts.iloc[n], resources, synced) for n, line in enumerate(lines)]


NAMED = {"registry", "reserved_ip", "spaces_bucket"}
NUMBERED = {"droplet", "droplet_snapshot", "image"}


def form(key: str) -> str:
    if re.fullmatch(r"[0-9]+", key):
        return "number"
    return "uuid" if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", key) else "name"


def form_of(kind: str | None) -> str:
    if kind is None:
        return "none"
    return "number" if kind in NUMBERED else "name" if kind in NAMED else "uuid"


def by_one_id(
    key: str | None, kinds: list[str], listed: bool, resources: list[Resource]
) -> list[Resource]:
    """The resource with an id; several where a uuid is shared by kinds that the line may mean."""
    if key is None:
        return []
    same = [r for r in resources if r.provider_id == key]
    for kind in kinds:
        if own := [r for r in same if r.kind == kind]:
            return own
    billed = [r for r in same if r.kind not in FREE_KINDS]
    if form(key) == "uuid":
        return billed or same
    return [] if listed else billed


def plain(line: Line, classified: Any, resources: list[Resource], synced: frozenset[str]) -> Answer:
    """The rules of `matching`, written down once more for one line at a time."""
    kind, name, region = (
        None if pd.isna(classified[c]) else classified[c]
        for c in ("kind", "resource_name", "line_region")
    )
    rule = product_rules().find(line.product or "")
    kind = kind or (rule.kind if rule else None)
    kinds = [kind, *rule.also, *rule.also_by_id] if rule and kind else []
    first = by_one_id(line.key, kinds, rule is not None, resources)
    second = by_one_id(line.second, kinds, rule is not None, resources)
    if len(first) == len(second) == 1 and first != second:
        own = [r for r in (*first, *second) if r.kind == kind]
        return (own[0] if len(own) == 1 else first[0]).id, "resource_id", None, 1
    for found in (first, second):
        if len(found) == 1:
            return found[0].id, "resource_id", None, 1
    shared = max(len(first), len(second))
    own_form = [k for k in (line.key, line.second) if k and form(k) == form_of(kind)]
    unseen_id = bool(own_form)

    if rule is None:
        negative = line.amount.startswith("-")
        return None, None, "not_a_resource" if negative else "unknown_product", 0
    if rule.kind is None:
        return None, None, "not_a_resource", 0
    if rule.team_wide and name is None:
        text = f"{line.group or ''} {line.description or ''}".casefold()
        known = {r.name.casefold() for r in resources if r.kind == kind and r.name}
        held = {word for word in re.findall(r"[a-z0-9][a-z0-9.-]*[a-z0-9]", text) if word in known}
        name = held.pop() if len(held) == 1 else None
        if name is None and not unseen_id:
            return None, None, "not_a_resource", 0
    if shared:
        return None, None, "ambiguous", shared
    if kind not in synced:
        return None, None, "kind_not_synced", 0
    by_group = rule.name_in == "group"
    if unseen_id and not by_group:
        return None, None, "never_seen", 0
    among = [kind, *rule.also] if kind == rule.kind else [kind]
    ours = [r for r in resources if r.kind in among]
    if name is not None:
        cut = re.fullmatch(r"(.+) \([^()]*\)", name) if by_group else None
        if cut and any((r.name or "").casefold() == cut[1].casefold() for r in ours):
            name = cut[1]
        ours = [r for r in ours if (r.name or "").casefold() == name.casefold()]
        ours = [r for r in ours if not (region and r.region) or region in r.region.split()]
    elif not (rule.nameless or rule.name_in == "nothing"):
        return None, None, "never_seen", 0

    month = datetime.fromisoformat(line.period).replace(tzinfo=UTC)
    next_month = (month + timedelta(days=31)).replace(day=1)
    start, end = line.start or month, line.end or next_month
    earliest = datetime(1, 1, 1, tzinfo=UTC)
    latest = datetime(9999, 1, 1, tzinfo=UTC)

    def life(resource: Resource) -> tuple[datetime, datetime]:
        begin = resource.created or earliest
        return begin, max(begin, resource.deleted or latest)

    def lived(resource: Resource) -> bool:
        begin, until = life(resource)
        return (begin < end or begin <= start + HOUR) and until >= start

    ours = [r for r in ours if lived(r)]
    found = ours
    if len(ours) > 1 and name is not None:
        found = [r for r in ours if abs(max(r.created or earliest, month) - start) <= HOUR]
    if len(found) == 1:
        begin, until = life(found[0])
        if unseen_id and (begin > start + HOUR or until < end):
            return None, None, "never_seen", 0
        grouped = name is None or (by_group and line.group is not None)
        return found[0].id, "group" if grouped else "name", None, len(ours)
    return None, None, "ambiguous" if ours else "never_seen", len(ours)


# Few names and times on a coarse grid, so that everything meets everything.
MOMENTS = [
    *(at("03-31 12:00") + n * HOUR / 2 for n in range(0, 48, 5)),
    *(APRIL + n * HOUR / 2 for n in range(-3, 6)),
    *(at("04-10 12:00") + n * HOUR / 4 for n in range(-6, 7)),
    *(MAY + n * HOUR / 2 for n in range(-3, 4)),
]
moments = st.none() | st.sampled_from(MOMENTS)
names = st.sampled_from(["a", "A", "b", "a (x)", "team-a"])
keys = st.sampled_from([None, None, None, "1", "2", "77", UUID, OTHER, "team-a"])
PRODUCTS = [
    "Droplets", "Droplets", "Droplets", "Volumes", "Volumes", "Database Clusters",
    "Container Registry Subscription", "Uptime Health Check", "Floating IPs", "Taxes", "New",
    "Droplet Snapshots", "Droplet Backups", "Spaces Subscription", "Kubernetes Clusters",
]  # fmt: skip
KINDS = [
    "droplet", "droplet", "volume", "database", "registry", "uptime_check", "reserved_ip",
    "droplet_snapshot", "image", "database_replica", "spaces_bucket", "node_pool", "ssh_key",
    "kubernetes_cluster",
]  # fmt: skip
some_lines = st.builds(
    Line,
    product=st.sampled_from(PRODUCTS),
    description=names
    | st.sampled_from(
        [
            None,
            "a (s-1)",
            "a (sfo3) 10GB",
            "a (nyc1) 10GB",
            "a (sfo3) 1GB Droplet Snapshot",
            "transfer of team-a",
        ]
    ),
    group=st.none() | names | st.just("a (PostgreSQL)"),
    key=keys,
    second=st.none() | keys,
    amount=st.sampled_from(["1.00", "-1.00"]),
    start=moments,
    end=moments,
)
some_resources = st.lists(
    st.builds(
        Resource,
        id=st.integers(100, 10_000),
        kind=st.sampled_from(KINDS),
        name=names,
        provider_id=st.sampled_from(["1", "2", UUID, "team-a"])
        | st.integers(1000, 10_000).map(str),
        region=st.sampled_from([None, "sfo3", "nyc1", "sfo3 nyc1"]),
        created=moments,
        deleted=moments,
    ),
    max_size=12,
    unique_by=(lambda r: r.id, lambda r: (r.kind, r.provider_id)),
)


@given(lines=st.lists(some_lines, min_size=1, max_size=12), resources=some_resources)
def test_it_does_what_the_rules_say(lines: list[Line], resources: list[Resource]) -> None:
    synced = ALL - {"reserved_ip"}
    assert matched(lines, resources, synced) == plainly(lines, resources, synced)


crowds = st.lists(
    st.tuples(moments, moments, st.sampled_from([None, "sfo3", "nyc1"])), min_size=2, max_size=8
)


@given(starts=st.lists(st.tuples(moments, moments), min_size=1, max_size=20), crowd=crowds)
def test_it_tells_namesakes_apart_as_the_rules_say(starts: Any, crowd: Any) -> None:
    resources = [
        Resource(n, kind="volume", name="a", region=region, created=begin, deleted=end)
        for n, (begin, end, region) in enumerate(crowd)
    ]
    lines = [Line("Volumes", d, start=s, end=e) for s, e in starts for d in ("a", "a (sfo3) 1GB")]
    assert matched(lines, resources) == plainly(lines, resources, ALL)
