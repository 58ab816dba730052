"""Schemathesis reads /openapi.json and tries what it says, against the application and a database.

Every answer has to be documented, of the shape documented, no 5xx; what the document allows is
accepted, what it forbids refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import positive_data_acceptance

from arcadia_cloud_pipelines.billing.tables import (
    cloud_balance_snapshots,
    cloud_cost_lines,
    cloud_invoices,
)
from arcadia_cloud_pipelines.drift.spec_tables import cloud_provisioned
from arcadia_cloud_pipelines.drift.tables import cloud_drift
from arcadia_cloud_pipelines.inventory.tables import cloud_sync_runs
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from .conftest import NOW, Api, serve


def _fill(api: Api) -> None:
    """A row or two of everything."""
    project = api.project("shop", "us")
    for number in (1, 2, 3):
        one = api.resource(f"{number}", project, tags=["a"], attrs={"vcpus": 1}, region="fra1")
        api.event(one, changes={"vcpus": {"from": 2, "to": 1}})
        api.insert(cloud_provisioned, resource_id=one, spec={"name": "x"})
        api.insert(cloud_drift, resource_id=one, field="name", desired="x", actual=f"{number}")
    invoice = api.insert(
        cloud_invoices, account="a", invoice_uuid="u", amount=Decimal("1.50"), period=NOW.date(),
        first_seen_at=NOW,
    )  # fmt: skip
    api.insert(
        cloud_cost_lines, account="a", invoice_id=invoice, line_number=1, period=NOW.date(),
        amount=Decimal("-1.50"), unmatched_reason="never_seen", hours=Decimal(1),
    )  # fmt: skip
    api.insert(
        cloud_balance_snapshots, account="a", month_to_date_balance=1, account_balance=0,
        month_to_date_usage=1, generated_at=NOW, captured_at=NOW,
    )  # fmt: skip
    api.insert(cloud_sync_runs, account="a", kind="droplet", started_at=NOW, ended_at=NOW,
               complete=True)  # fmt: skip


@pytest.fixture
def filled(warehouse: Warehouse) -> Iterator[Api]:
    for api in serve(warehouse):
        _fill(api)
        yield api


@pytest.fixture
def document(filled: Api) -> Any:
    async def without_lifespan(scope: Any, receive: Any, send: Any) -> None:
        """Each call of Schemathesis would start and stop the application."""
        if scope["type"] == "http":
            await filled.app(scope, receive, send)
            return
        for answer in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{answer}.complete"})

    # The token is ours to give: see test_tokens.
    config = SchemathesisConfig.from_dict({"generation": {"with-security-parameters": False}})
    return schemathesis.openapi.from_asgi("/openapi.json", without_lifespan, config=config)


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_it_does_what_its_document_says(document: Any, filled: Api, mode: GenerationMode) -> None:
    headers = filled.headers("admin")
    tried: dict[str, int] = {}
    for found in document.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=25,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(generation_mode=mode))
        def attempt(case: schemathesis.Case) -> None:
            tried[case.operation.label] = tried.get(case.operation.label, 0) + 1
            # A cursor that is well-formed and not ours is refused.
            excluded = [positive_data_acceptance] if "cursor" in (case.query or {}) else []
            case.call_and_validate(headers=headers, excluded_checks=excluded)

        # Where nothing can be wrong, nothing wrong can be made.
        with suppress(Unsatisfiable):
            attempt()
    assert len(tried) == (15 if mode is GenerationMode.POSITIVE else 13)
    assert sum(tried.values()) > 100
