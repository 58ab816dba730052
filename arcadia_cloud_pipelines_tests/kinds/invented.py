"""What one more entry of the registry makes: run by `test_invented.py` on a copy of the package.

The copy's registry has one entry more than the release's, for a kind that DigitalOcean does not
have, and its simulator one line that lists it. Nothing else names it.
"""

from __future__ import annotations

import sys

import sqlalchemy as sa

from arcadia_cloud_pipelines.definitions import defs
from arcadia_cloud_pipelines.digitalocean import DigitalOcean
from arcadia_cloud_pipelines.documentation.pages import scopes
from arcadia_cloud_pipelines.documentation.tables_page import tables_page
from arcadia_cloud_pipelines.drift.specs import record_provisioned
from arcadia_cloud_pipelines.drift.sweep import sweep
from arcadia_cloud_pipelines.inventory.sync import sync_kind
from arcadia_cloud_pipelines.kinds import KIND_BY_NAME
from arcadia_cloud_pipelines.settings.secret import Secret
from arcadia_cloud_pipelines.simulator import SimulatedAccount, serve
from arcadia_cloud_pipelines.warehouse.engine import Warehouse
from arcadia_cloud_pipelines.warehouse.migrate import migrate

from ..billing.test_matching import Line, Resource, one
from ..support.sql import query

ENTRY = """
LIGHTHOUSE = Kind(
    name="lighthouse",
    asset="lighthouses",
    description="Lights that show ships the way.",
    endpoints=(Endpoint("/v2/lighthouses", "lighthouses"),),
    scope="lighthouse:read",
    region="region",
    status="status",
    tags="tags",
    severities={"lamp": Severity.CRITICAL},
    dns_names=("harbour",),
    edges=(
        Edge("shines_on", "droplet", "$.ship", lack="unseen"),
        Edge.by_urn("warns", "$.warned"),
    ),
    urn_types=("beacon",),
)
"""
LISTED = """
from .plain import SHAPES

SHAPES["lighthouse"] = {
    "name": "north", "region": "fra1", "status": "lit", "tags": [], "lamp": "white",
    "harbour": "Kiel.example.com.", "warned": "do:beacon:elsewhere",
}
plain("lighthouse", "/v2/lighthouses", "lighthouses", "lighthouse", "lighthouse:read")
"""


def check_dagster() -> None:
    """An asset with the checks that every plain kind has."""
    graph = defs.resolve_asset_graph()
    checks: dict[str, set[str]] = {}
    for key in graph.asset_check_keys:
        checks.setdefault(key.asset_key.to_user_string(), set()).add(key.name)
    assert checks["lighthouses"] == checks["microvms"] != set()


def check_inventory(warehouse: Warehouse) -> int:
    """Rows, a sync row and edges; views that know it. Returns the row of one lighthouse."""
    with serve(SimulatedAccount(seed=7, droplets=2)) as server:
        client = DigitalOcean(server.url, Secret(server.token))
        assert sync_kind(warehouse, client, KIND_BY_NAME["lighthouse"]).complete
    rows = query(warehouse, "SELECT id, kind, region FROM cloud_resources ORDER BY id")
    assert [(row["kind"], row["region"]) for row in rows] == [("lighthouse", "fra1")] * 2
    (sync,) = query(warehouse, "SELECT kind, complete, rows_seen FROM cloud_sync_runs")
    assert sync == {"kind": "lighthouse", "complete": True, "rows_seen": 2}
    edges = query(warehouse, "SELECT DISTINCT relation, to_kind FROM cloud_resource_edges")
    assert edges == [{"relation": "warns", "to_kind": "lighthouse"}]
    known = query(
        warehouse,
        "SELECT kind, urn_type, late_after IS NOT NULL AS late FROM marts.kinds "
        "JOIN marts.sources ON source = kind WHERE kind = 'lighthouse'",
    )
    assert known == [{"kind": "lighthouse", "urn_type": "beacon", "late": True}]
    number: int = rows[0]["id"]
    return number


def check_orphans(warehouse: Warehouse) -> None:
    """Nobody sees its light, which only a complete listing of droplets can tell."""
    with serve(SimulatedAccount(seed=7, droplets=2)) as server:
        client = DigitalOcean(server.url, Secret(server.token))
        sync_kind(warehouse, client, KIND_BY_NAME["droplet"])
    found = query(
        warehouse, "SELECT reason, count(*) AS n FROM cloud_orphans GROUP BY 1 ORDER BY 1"
    )
    assert {"reason": "unseen", "n": 2} in found


def check_drift(warehouse: Warehouse, number: int) -> None:
    """Its fields drift as bad as its entry says, by the rules that its entry names."""
    spec = {"lamp": "red", "status": "dark", "harbour": "kiel.example.com"}
    record_provisioned(warehouse, number, spec, actor="harbour", reason="as the chart has it")
    sweep(warehouse)
    found = query(warehouse, "SELECT field, severity FROM cloud_drift ORDER BY field")
    assert found == [
        {"field": "lamp", "severity": "critical"},
        {"field": "status", "severity": "error"},
    ]


def check_matching() -> None:
    """A line with its id is about it, though no rule knows the product."""
    uuid = "9cc10173-e9ea-4176-9dbc-a4cee4c4ff30"
    lighthouse = Resource(5, kind="lighthouse", name="north", provider_id=uuid)
    line = Line("Lighthouses", "the north one", key=uuid)
    assert one(line, lighthouse) == (5, "resource_id", None, 1)


def check_documentation() -> None:
    """A row of the page, and the scope that its token needs."""
    assert "| `lighthouse` | `lighthouses` | Lights that show ships the way. |" in tables_page()
    assert scopes()["lighthouse:read"] == "lighthouses"


def main() -> None:
    """Check all of it in the database whose URL is given."""
    warehouse = Warehouse(sa.make_url(sys.argv[1]), embedded=False)
    migrate(warehouse)
    check_dagster()
    number = check_inventory(warehouse)
    check_orphans(warehouse)
    check_drift(warehouse, number)
    check_matching()
    check_documentation()
    print("one entry was enough")


if __name__ == "__main__":
    main()
