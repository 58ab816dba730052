"""How bad is a difference? A tag is not a fire, an opened firewall is."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcadia_cloud_pipelines.common.severity import Severity
from arcadia_cloud_pipelines.kinds import GONE, REGISTRY, severity_of
from arcadia_cloud_pipelines.kinds.firewall_rules import lets_more_in

WARNING, ERROR, CRITICAL = Severity


@pytest.mark.parametrize(
    ("kind", "field", "severity"),
    [
        ("droplet", "tags", WARNING),
        ("firewall", "tags", CRITICAL),  # Those name the machines that it protects.
        ("firewall", "droplet_ids", CRITICAL),
        ("load_balancer", "droplet_ids", ERROR),
        ("load_balancer", "firewall", CRITICAL),
        ("kubernetes_cluster", "control_plane_firewall", CRITICAL),
        ("database", "firewall_rules", CRITICAL),
        ("droplet", "size_slug", ERROR),
        ("droplet", "a field of next year", ERROR),
        ("a kind of next year", "tags", WARNING),
        ("a kind of next year", "size_slug", ERROR),
        ("database", GONE, CRITICAL),
        ("tag", GONE, WARNING),
        ("uptime_check", GONE, ERROR),
    ],
)
def test_the_severity_of_a_field(kind: str, field: str, severity: Severity) -> None:
    assert severity_of(kind, field, None, "2026-11-20T12:00:00Z") is severity


def test_a_resource_that_was_replaced_or_should_be_gone_is_no_fire() -> None:
    gone = "2026-11-20T12:00:00Z"
    assert severity_of("database", GONE, None, gone) is CRITICAL
    assert severity_of("database", GONE, None, gone, replaced=True) is ERROR
    assert severity_of("database", GONE, gone, None) is ERROR
    assert severity_of("tag", GONE, None, gone, replaced=True) is WARNING


def test_fields_of_an_entry_are_not_both_fixed_and_judged() -> None:
    for kind in REGISTRY:
        assert not set(kind.severities) & set(kind.opens), kind.name


def rule(ports: str = "22", *addresses: str, **more: Any) -> dict[str, Any]:
    """An inbound rule as the API tells it."""
    return {"protocol": "tcp", "ports": ports, "sources": {"addresses": [*addresses]}} | more


OFFICE, WORLD = "203.0.113.0/24", "0.0.0.0/0"


@pytest.mark.parametrize(
    ("desired", "actual", "opened"),
    [
        ([rule("22", OFFICE)], [rule("22", WORLD)], True),
        ([rule("22", WORLD)], [rule("22", OFFICE)], False),
        ([rule("22", "::/0")], [rule("22", OFFICE)], True),
        ([rule("22", OFFICE)], [rule("22", "203.0.113.7")], False),
        ([rule("22", OFFICE)], [rule("22", OFFICE), rule("5432", OFFICE)], True),
        ([rule("8000-9000", WORLD)], [rule("8080", WORLD)], False),
        ([rule("8080", WORLD)], [rule("8000-9000", WORLD)], True),
        ([rule("0", WORLD)], [rule("1-65535", WORLD)], False),
        ([rule("443", WORLD)], [rule("all", WORLD)], True),
        ([rule("22", OFFICE)], [], False),
        ([rule("22", OFFICE)], None, False),
        (None, [rule("22", OFFICE)], True),
        ([rule("22", OFFICE)], [rule("22", OFFICE, protocol="udp")], True),
        ([rule("22", OFFICE)], [rule("22", OFFICE, action="allow")], False),
        # A rule that denies and is gone opens; one that came closes.
        ([rule("22", OFFICE, action="deny")], [], True),
        ([], [rule("22", OFFICE, action="deny")], False),
        ([{"protocol": "tcp", "ports": "22", "sources": {"tags": ["web"]}}],
         [{"protocol": "tcp", "ports": "22", "sources": {"tags": ["web", "db"]}}], True),
        ([{"protocol": "icmp", "sources": {"addresses": [WORLD]}}],
         [{"protocol": "icmp", "ports": "0", "sources": {"addresses": [OFFICE]}}], False),
        # Nobody can read these.
        ("closed", [], True),
        ([rule("22", OFFICE)], [rule("ssh", OFFICE)], True),
        ([rule("22", OFFICE)], {"a": 1}, True),
        ([rule("22", OFFICE)], [7], True),
    ],
)  # fmt: skip
def test_an_opened_firewall(desired: Any, actual: Any, opened: bool) -> None:
    assert lets_more_in(desired, actual) is opened
    severity = severity_of("firewall", "inbound_rules", desired, actual)
    assert severity is (CRITICAL if opened else ERROR)


PORTS = st.sampled_from(["1", "2", "3", "1-2", "2-3", "1-3"])
NETS = st.sampled_from(["10.0.0.0/31", "10.0.0.0/32", "10.0.0.1/32", "10.0.0.1", "10.0.0.0/30"])
RULES = st.lists(st.builds(rule, PORTS, NETS), max_size=3)


def admitted(rules: list[dict[str, Any]]) -> set[tuple[int, str]]:
    """Every pair of port and address that the rules let in, one by one."""
    found = set()
    for each in rules:
        first, _, last = each["ports"].partition("-")
        for address in ipaddress.ip_network(each["sources"]["addresses"][0]):
            found |= {(port, str(address)) for port in range(int(first), int(last or first) + 1)}
    return found


@given(RULES, RULES)
def test_whatever_comes_in_besides_is_an_opening(desired: list[Any], actual: list[Any]) -> None:
    """Never silent where more comes in; silent where each rule lies within one that is meant."""
    if not admitted(actual) <= admitted(desired):
        assert lets_more_in(desired, actual)
    if all(any(admitted([a]) <= admitted([d]) for d in desired) for a in actual):
        assert not lets_more_in(desired, actual)


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["protocol", "ports", "sources", "addresses"]), inner),
))  # fmt: skip
def test_values_of_any_shape_are_judged(value: Any) -> None:
    for kind in REGISTRY:
        for field in kind.opens:
            assert severity_of(kind.name, field, value, [rule("22", OFFICE)]) in (ERROR, CRITICAL)
            assert severity_of(kind.name, field, [rule("22", OFFICE)], value) in (ERROR, CRITICAL)
