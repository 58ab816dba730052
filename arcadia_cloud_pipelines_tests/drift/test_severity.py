"""Each record says how bad it is, and the same everywhere it is shown."""

from __future__ import annotations

from arcadia_cloud_pipelines.common.severity import Severity
from arcadia_cloud_pipelines.drift.inbox import list_drift
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query
from .helpers import change, desire, drift, execute, listed, resource, swept


def rules(address: str) -> list[dict[str, object]]:
    """One rule for SSH."""
    return [{"protocol": "tcp", "ports": "22", "sources": {"addresses": [address]}}]


def opened_firewall(warehouse: Warehouse) -> int:
    """A firewall whose door was meant for the office and is open to the world."""
    firewall = resource(warehouse, "f", kind="firewall", inbound_rules=rules("0.0.0.0/0"))
    desire(warehouse, firewall, inbound_rules=rules("203.0.113.0/24"))
    listed(warehouse, "firewall")
    return firewall


def test_a_tag_is_not_a_fire_and_an_opened_firewall_is(warehouse: Warehouse) -> None:
    droplet = resource(warehouse, tags=["web"])
    desire(warehouse, droplet, tags=["api"], size_slug="s-2vcpu-2gb")
    listed(warehouse)
    opened_firewall(warehouse)
    swept(warehouse)
    assert {d["field"]: d["severity"] for d in drift(warehouse)} == {
        "tags": "warning", "size_slug": "error", "inbound_rules": "critical",
    }  # fmt: skip
    [worst] = list_drift(warehouse, severity=Severity.CRITICAL)
    assert (worst.field, worst.severity) == ("inbound_rules", "critical")
    shown = query(warehouse, "SELECT field FROM marts.open_drift WHERE severity = 'critical'")
    assert shown == [{"field": "inbound_rules"}]


def test_the_severity_follows_what_is_live(warehouse: Warehouse) -> None:
    firewall = opened_firewall(warehouse)
    swept(warehouse)
    change(warehouse, firewall, inbound_rules=rules("203.0.113.7"))
    listed(warehouse, "firewall", 1)
    assert swept(warehouse, 1.1).updated == 1
    [record] = drift(warehouse)
    assert (record["severity"], record["actual"]) == ("error", rules("203.0.113.7"))


def test_what_an_earlier_release_opened_is_judged_and_has_not_moved(warehouse: Warehouse) -> None:
    opened_firewall(warehouse)
    swept(warehouse)
    [before] = drift(warehouse)
    execute(warehouse, "UPDATE cloud_drift SET severity = NULL")
    listed(warehouse, "firewall", 1)
    assert swept(warehouse, 1.1).updated == 1
    assert drift(warehouse) == [before]
    assert swept(warehouse, 1.2).updated == 0
