from __future__ import annotations

import pandas as pd
import pytest

from arcadia_cloud_pipelines.billing.products import (
    ProductRulesError,
    RuleOfEach,
    classify_lines,
    product_rules,
    read_product_rules,
)
from arcadia_cloud_pipelines.kinds import KIND_BY_NAME

Read = tuple[str | None, str | None, str | None]


def read(product: str | None, description: str | None, group: str | None = None) -> Read:
    frame = pd.DataFrame(
        {"product": [product], "group_description": [group], "description": [description]},
        dtype="str",
    )
    result = classify_lines(frame)
    assert list(result.columns[-3:]) == ["kind", "resource_name", "line_region"]
    assert [str(t) for t in result.dtypes] == ["str"] * 6
    return tuple(None if pd.isna(v) else v for v in result.iloc[0, -3:])  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("product", "description", "expected"),
    [
        ("Droplets", "web-1 (s-1vcpu-1gb)", ("droplet", "web-1", None)),
        ("Droplets", "scale-pool-7f3a (c-2-4GiB)", ("droplet", "scale-pool-7f3a", None)),
        ("Droplets", "my (old) box (s-1vcpu-1gb)", ("droplet", "my (old) box", None)),
        ("Droplets", "bare.example.org", ("droplet", "bare.example.org", None)),
        ("Droplets", None, ("droplet", None, None)),
        ("dROPLETS", "web-1 (x)", ("droplet", "web-1", None)),
        (" Droplets  ", "web-1 (x)", ("droplet", "web-1", None)),
        ("GPU Droplets", "gpu-1 (gpu-h100x1-80gb)", ("droplet", "gpu-1", None)),
        ("Droplet Backups", "web-1 (Weekly Backup Services)", ("droplet", "web-1", None)),
        ("Droplet Backups", "web-1 (x)", ("droplet", "web-1 (x)", None)),
        (
            "Droplet Snapshots", "web-1-1700 (fra1) 12.40GB Droplet Snapshot",
            ("droplet_snapshot", "web-1-1700", "fra1"),
        ),
        (
            "Droplet Snapshots", "web (2026) (fra1) 12 GiB Droplet Snapshot",
            ("droplet_snapshot", "web (2026)", "fra1"),
        ),
        (
            "Volume Snapshots", "pvc-a1-1595 (nyc1) 1.20GB Volume Snapshot",
            ("volume_snapshot", "pvc-a1-1595", "nyc1"),
        ),
        ("Volumes", "data-1 (sfo3) 250GB", ("volume", "data-1", "sfo3")),
        ("Volumes", "data-1", ("volume", "data-1", None)),
        ("Load Balancers", "lb-prod", ("load_balancer", "lb-prod", None)),
        ("Floating IPs", "Unused Floating IP - 1.1.1.1", ("reserved_ip", "1.1.1.1", None)),
        ("Reserved IPs", "1.1.1.1 instead of 2.2.2.2.", ("reserved_ip", "2.2.2.2", None)),
        ("Reserved IPs", "at 12:30:15 (10.0.0.1)", ("reserved_ip", "10.0.0.1", None)),
        ("Reserved IPs", "Unused", ("reserved_ip", "Unused", None)),
        (
            "Reserved IPs", "Unused Reserved IP - 2604:a880:800:14::42c3:d000",
            ("reserved_ipv6", "2604:a880:800:14::42c3:d000", None),
        ),
        ("Reserved IPs", "[2604::1]", ("reserved_ipv6", "2604::1", None)),
        ("Reserved IPs", "::ffff:1.2.3.4", ("reserved_ipv6", "::ffff:1.2.3.4", None)),
        (
            "Floating IPs", "1:2:3:4:5:6:7:8 (unused)", ("reserved_ipv6", "1:2:3:4:5:6:7:8", None),
        ),
        ("Container Registry Subscription", "Container Registry (basic)", ("registry", None, None)),
        ("Uptime Health Check", "Uptime Health Check", ("uptime_check", None, None)),
        ("Uptime Health Check", "landing page", ("uptime_check", "landing page", None)),
        ("App Platform", "shop", ("app", "shop", None)),
        ("Spaces Subscription", "Spaces ($5/mo 250GB storage & 1TB bandwidth)", (None, None, None)),
        ("Taxes", "STATE SALES TAX (6.25%)", (None, None, None)),
        ("Credits", "Inference Cloud Trial", (None, None, None)),
        ("Bandwidth", "Bandwidth overage", (None, None, None)),
        ("Something New", "thing (x)", (None, None, None)),
        (None, "thing", (None, None, None)),
    ],
)  # fmt: skip
def test_descriptions(product: str | None, description: str | None, expected: Read) -> None:
    assert read(product, description) == expected


def test_groups() -> None:
    group = "db-1 (PostgreSQL)"
    assert read("Database Clusters", "Primary Node", group) == ("database", group, None)
    assert read("Kubernetes Clusters", "3 nodes", "prod") == ("kubernetes_cluster", "prod", None)
    assert read("App Platform", "web", "shop") == ("app", "shop", None)
    assert read("Load Balancers", "lb", "HTTP Load Balancers") == ("load_balancer", "lb", None)


def test_many_products_at_once_and_again() -> None:
    lines = pd.DataFrame(
        {
            "product": ["Volumes", "Taxes", "Droplets", "Volumes", "New", "Droplets"],
            "group_description": [None] * 6,
            "description": ["d (sfo3) 1GB", "VAT (8.10%)", "w (x)", "d (nyc1) 1GB", "n", "w (x)"],
        },
        index=[5, 3, 1, 9, 7, 5],
        dtype="str",
    )
    once = classify_lines(lines)
    assert once["resource_name"].fillna("").to_list() == ["d", "", "w", "d", "", "w"]
    assert once["line_region"].fillna("").to_list() == ["sfo3", "", "", "nyc1", "", ""]
    assert once.index.equals(lines.index)
    pd.testing.assert_frame_equal(classify_lines(once), once)
    assert list(classify_lines(lines.iloc[:0]).columns) == list(once.columns)
    is_nothing = RuleOfEach(lines["product"]).flag(lambda rule: rule.kind is None)
    assert is_nothing.tolist() == [False, True] + [False] * 4


def test_rules_of_the_package() -> None:
    kinds = {rule.kind for rule in product_rules().values()}
    assert {"droplet", "volume", "database", "kubernetes_cluster", None} <= kinds
    assert product_rules() is product_rules()


RULE = '[[product]]\nproducts = ["A"]\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[product]", "not valid TOML"),
        ("", "has no [[product]] table"),
        ("product = 1", "has no [[product]] table"),
        ("product = [1]", "product 1: must be a table"),
        (RULE + "[other]", "other: is not a key; known are product"),
        ("[[product]]", "products must name at least one"),
        ("[[product]]\nproducts = 'A'", "products: must be a list"),
        ('[[product]]\nproducts = [""]', "products, 0: string should have at least 1"),
        (RULE + RULE.lower().replace('"a"', '"a "'), "two rules for 'a '"),
        (RULE + "kinds = 'x'", "product 1, kinds: is not a key; known are products, kind"),
        (RULE + "kind = 'Load Balancer'", "product 1, kind: must be spelled as in"),
        (RULE + "kind = 1", "product 1, kind: must be a text"),
        (
            RULE + "kind = 'x'\nname_in = 'text'",
            "name_in: should be 'description', 'group' or 'nothing'",
        ),
        (RULE + "name_in = 'group'", "has no kind"),
        (RULE + "patterns = ['^(?P<name>.+)$']", "has no kind"),
        (RULE + "kind = 'x'\npatterns = 'y'", "patterns: must be a list"),
        (RULE + "kind = 'x'\npatterns = [1]", "patterns, 0: must be a table"),
        (RULE + "kind = 'x'\npatterns = [{kind = 'y'}]", "patterns, 0, pattern: is missing"),
        (
            RULE + "kind = 'x'\npatterns = [{pattern = '(?P<name>a)', kind = 'Y'}]",
            "patterns, 0, kind: must be spelled as in",
        ),
        (
            RULE + "kind = 'x'\npatterns = [{pattern = '(?P<name>a)', x = 'Y'}]",
            "patterns, 0, x: is not a key",
        ),
        (RULE + "kind = 'x'\npatterns = ['(']", "not an RE2 pattern"),
        (RULE + "kind = 'x'\npatterns = ['(?P<name>a)(?=b)']", "not an RE2 pattern"),
        (RULE + "kind = 'x'\npatterns = ['a']", "must have a group"),
        (RULE + "kind = 'x'\npatterns = ['(?P<region>a)']", "must have a group"),
        (RULE + "kind = 'x'\npatterns = ['(?P<name>a)(?P<size>b)']", "no other but"),
        (RULE + "kind = 'x'\npatterns = ['(?P<name>a)(b)']", "without a name"),
        (RULE + "kind = 'x'\nnameless = ['[']", "not an RE2 pattern"),
        (RULE + "kind = 'x'\nname_in = 'nothing'\nnameless = ['a']", "no use for patterns"),
    ],
)
def test_rules_that_are_none(text: str, says: str) -> None:
    with pytest.raises(ProductRulesError) as caught:
        read_product_rules(text, "rules.toml")
    assert str(caught.value).startswith("rules.toml")
    assert says in str(caught.value)


def test_a_rule_of_ones_own() -> None:
    text = RULE + "kind = 'nfs_share'\npatterns = ['^Share (?P<name>.+) in (?P<region>[a-z0-9]+)$']"
    lines = pd.DataFrame(
        {"product": ["a"], "group_description": [None], "description": ["Share x in fra1"]},
        dtype="str",
    )
    row = classify_lines(lines, read_product_rules(text, "rules.toml")).iloc[0]
    assert row[["kind", "resource_name", "line_region"]].to_list() == ["nfs_share", "x", "fra1"]


@pytest.mark.parametrize(
    ("product", "kind"),
    [
        ("droplet", "droplet"),
        ("GPU Droplets (H100)", "droplet"),
        ("AMD MI300X GPU", "droplet"),
        ("Backups", "droplet"),
        ("Apps", "app"),
        ("App-Platform", "app"),
        ("DigitalOcean Kubernetes", "kubernetes_cluster"),
        ("KUBERNETES  Cluster", "kubernetes_cluster"),
        ("Managed Databases", "database"),
        ("Managed PostgreSQL", "database"),
        ("Vector Databases", "vector_database"),
        ("Dedicated Inference", "dedicated_inference"),
        ("NAT Gateways", "nat_gateway"),
        ("NFS Shares", "nfs_share"),
        ("NFS Snapshots", "nfs_snapshot"),
        ("Partner Network Connect", "partner_attachment"),
        ("BYOIP Prefix", "byoip_prefix"),
        ("CDN Custom Domains", "cdn_endpoint"),
        ("Functions", "function_namespace"),
        ("MicroDroplets", "microvm"),
        ("MicroVMs", "microvm"),
        ("SaaS Add-Ons", "addon"),
        ("Agents", "agent"),
        ("Knowledge Bases", "knowledge_base"),
        ("Custom Models", "custom_model"),
        ("Custom Images", "image"),
        ("Reserved IPv4", "reserved_ip"),
        ("Block Storage", "volume"),
        ("Volume Snapshot", "volume_snapshot"),
        ("Network Load Balancers", "load_balancer"),
        ("Spaces Bandwidth", "spaces_bucket"),
        ("Uptime Checks", "uptime_check"),
        ("Support Plan - Premium", None),
        ("Serverless Inference", None),
        ("Late Fee", None),
        ("Inference Cloud Trial", None),
        ("Q3 Contract Discount", None),
        ("Droplet Bandwidth", None),
        ("Outbound Data Transfer", None),
        ("Promo Credit 2026", None),
        ("VAT", None),
        ("Refund", None),
        ("NVIDIA H200x8", "droplet"),
        ("L40S", "droplet"),
        ("GB300", "droplet"),
        ("RTX4000-Ada", "droplet"),
        ("Reserved Instances", "droplet"),
        ("High Availability Control Plane", "kubernetes_cluster"),
        ("GPU Worker Nodes", "kubernetes_cluster"),
        ("App Platform - Dedicated Egress IP", "app"),
        ("Premium AMD Droplets", "droplet"),
        ("Managed Kafka", "database"),
        ("cPanel License", "addon"),
        ("VPC Peering Traffic", None),
        ("Anthropic Claude Sonnet 4", None),
        ("OpenAI GPT-5", None),
        ("Image Generation", None),
        ("MwSt (19%)", None),
        ("GST/HST", None),
    ],
)
def test_products_by_any_name(product: str, kind: str | None) -> None:
    rule = product_rules().find(product)
    assert rule is not None
    assert rule.kind == kind


def test_kinds_of_rules_are_kinds() -> None:
    for rule in product_rules().values():
        kinds = {rule.kind, *rule.also, *rule.also_by_id, *(p.kind for p in rule.patterns)}
        assert kinds - {None} <= set(KIND_BY_NAME)
