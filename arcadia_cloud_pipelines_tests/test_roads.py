"""Which of our files a droplet and a cent pass on their way into the warehouse.

Whoever follows one must read these files. The lists may get shorter; a longer one wants a reason.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import pytest

import arcadia_cloud_pipelines
from arcadia_cloud_pipelines.billing.ingest import ingest_invoices
from arcadia_cloud_pipelines.billing.invoices import sync_invoices
from arcadia_cloud_pipelines.digitalocean import CallBudget, DigitalOcean
from arcadia_cloud_pipelines.inventory.sync import sync_kind
from arcadia_cloud_pipelines.kinds import KIND_BY_NAME
from arcadia_cloud_pipelines.settings.secret import Secret
from arcadia_cloud_pipelines.simulator import SimulatedAccount, serve
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

PACKAGE = Path(arcadia_cloud_pipelines.__file__).parent
BESIDE = (
    "digitalocean/", "warehouse/",
    "common/foreign_text.py", "common/frames.py", "common/redaction.py", "common/times.py",
    "settings/environment_file.py", "settings/reviewed_files.py", "settings/secret.py",
    "settings/values.py",
)  # fmt: skip
"""The client with its budget, the engine, and modules at the ground that say one thing each."""
DROPLET = {
    "inventory/sync.py", "inventory/listing.py", "kinds/compute.py", "inventory/sightings.py",
    "inventory/ledger.py", "inventory/sync_runs.py",
}  # fmt: skip
CENT = {
    "billing/ingest.py",
    # The CSV, and the JSON form's ids beside its lines.
    "billing/invoice_csv.py", "billing/items.py",
    # The product, and the resource that it was used for.
    "billing/products.py", "billing/matching.py", "billing/comparing.py",
    # Whether the invoice's lines add up.
    "billing/reconcile.py",
}  # fmt: skip


def entered(work: Callable[[], object]) -> set[str]:
    """The files whose functions `work` calls in this thread."""
    files = set()

    def note(frame: FrameType, event: str, _argument: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(PACKAGE):
            files.add(path.relative_to(PACKAGE).as_posix())

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return {file for file in files if not file.startswith(BESIDE)}


@pytest.fixture
def account() -> SimulatedAccount:
    return SimulatedAccount(
        seed=7, droplets=1, now=datetime(2026, 11, 20, 12, tzinfo=UTC),
        history_start=datetime(2026, 8, 10, tzinfo=UTC),
    )  # fmt: skip


def test_a_droplet_and_a_cent_pass_few_files(
    account: SimulatedAccount, warehouse: Warehouse
) -> None:
    # Once a process, what the views are made from is read: in some other test, or here.
    warehouse.check_migrated()
    with (
        serve(account) as server,
        DigitalOcean(server.url, Secret(server.token), budget=CallBudget(limits=())) as client,
    ):
        droplet = entered(lambda: sync_kind(warehouse, client, KIND_BY_NAME["droplet"]))
        sync_invoices(warehouse, client)
        cent = entered(lambda: ingest_invoices(warehouse, client))
    assert droplet == DROPLET
    assert cent == CENT
