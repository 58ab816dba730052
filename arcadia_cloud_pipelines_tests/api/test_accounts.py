"""A token that is about some teams sees those, on every route; `account` asks for one."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from arcadia_cloud_pipelines.billing.tables import (
    cloud_balance_snapshots,
    cloud_cost_lines,
    cloud_invoices,
)
from arcadia_cloud_pipelines.drift.spec_tables import cloud_provisioned
from arcadia_cloud_pipelines.drift.tables import cloud_drift
from arcadia_cloud_pipelines.inventory.tables import cloud_sync_runs

from .conftest import NOW, Api

LISTS = ("inventory", "billing/invoices", "billing/cost-lines", "drift", "sync")
ADMIN = {"role": "platform_admin"}


@pytest.fixture
def teams(api: Api) -> dict[str, int]:
    """Two teams with a row of everything; the id of the droplet of each."""
    found = {}
    for number, account in enumerate(("a", "b")):
        found[account] = resource = api.resource(
            f"droplet-{account}", account=account, size_slug="s-1"
        )
        api.event(resource, "discovered")
        api.insert(cloud_provisioned, resource_id=resource, spec={"size_slug": "s-2"})
        api.insert(
            cloud_drift, resource_id=resource, field="size_slug", desired="s-2", actual="s-1",
            detected_at=NOW, changed_at=NOW,
        )  # fmt: skip
        invoice = api.insert(
            cloud_invoices, account=account, invoice_uuid=f"i-{account}", amount=Decimal(number),
            period=date(2026, 4, 1), first_seen_at=NOW,
        )  # fmt: skip
        api.insert(
            cloud_cost_lines, account=account, invoice_id=invoice, line_number=1,
            period=date(2026, 4, 1), amount=Decimal(number), unmatched_reason="not_a_resource",
        )  # fmt: skip
        api.insert(
            cloud_balance_snapshots, account=account, month_to_date_balance=number,
            account_balance=0, month_to_date_usage=number, generated_at=NOW, captured_at=NOW,
        )  # fmt: skip
        api.insert(
            cloud_sync_runs, account=account, kind="droplet", started_at=NOW, ended_at=NOW,
            complete=True, rows_seen=1,
        )  # fmt: skip
    return found


def ask(api: Api, path: str, **claims: Any) -> Any:
    token = api.token(**{**ADMIN, **claims})
    return api.client.get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {token}"})


def seen(answer: Any) -> set[str]:
    assert answer.status_code == 200, answer.text
    text = answer.text
    return {one for one in ("a", "b") if any(
        mark in text for mark in (f"droplet-{one}", f"i-{one}", f'"account":"{one}"')
    )}  # fmt: skip


@pytest.mark.parametrize("path", LISTS)
def test_a_list_shows_the_accounts_of_the_token_and_the_one_asked_for(
    api: Api, teams: dict[str, int], path: str
) -> None:
    assert seen(ask(api, path)) == {"a", "b"}
    assert seen(ask(api, path, accounts=["a"])) == {"a"}
    assert seen(ask(api, path, accounts="b")) == {"b"}
    assert seen(ask(api, path, accounts=["a", "b"])) == {"a", "b"}
    assert seen(ask(api, f"{path}?account=a")) == {"a"}
    assert seen(ask(api, f"{path}?account=b", accounts=["a"])) == set()
    assert seen(ask(api, f"{path}?account=nobody")) == set()


def test_totals_are_of_the_accounts_that_are_seen(api: Api, teams: dict[str, int]) -> None:
    totals = ask(api, "billing/cost-lines?totals=true", accounts=["b"]).json()["totals"]
    assert (totals["lines"], totals["amount"]) == (1, "1")
    month = ask(api, "billing/cost-lines?period=2026-04-01&account=a").json()["data"]
    assert [line["account"] for line in month] == ["a"]


def test_the_balance_is_of_the_account_asked_for(api: Api, teams: dict[str, int]) -> None:
    usage = [ask(api, f"billing/balance?account={a}").json()["data"] for a in ("a", "b")]
    assert [row["month_to_date_usage"] for row in usage] == ["0", "1"]
    assert ask(api, "billing/balance", accounts=["a"]).json()["data"]["account"] == "a"
    assert ask(api, "billing/balance", accounts=["c"]).status_code == 404


def test_what_is_another_teams_is_not_there(api: Api, teams: dict[str, int]) -> None:
    for path in ("inventory/{}", "inventory/{}/events"):
        assert ask(api, path.format(teams["a"]), accounts=["a"]).status_code == 200
        assert ask(api, path.format(teams["b"]), accounts=["a"]).status_code == 404


def test_a_decision_about_another_team_is_refused(api: Api, teams: dict[str, int]) -> None:
    records = {row["provider_id"]: row["id"] for row in api.rows("/api/v1/drift")}
    token = api.token(**ADMIN, accounts=["a"])
    answers = {
        name: api.client.post(
            f"/api/v1/drift/{record}/accept", headers={"Authorization": f"Bearer {token}"}
        ).status_code
        for name, record in records.items()
    }
    assert answers == {"droplet-a": 200, "droplet-b": 404}


@pytest.mark.parametrize("claim", [[], "", [5], {"a": 1}, 5, ["\0"]])
def test_a_claim_that_names_no_account_gives_no_access(api: Api, claim: Any) -> None:
    assert ask(api, "inventory", accounts=claim).status_code == 403


def test_metrics_are_not_for_a_token_of_some_accounts(api: Api) -> None:
    token = api.token(**ADMIN, accounts=["a"])
    answer = api.client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403


def test_a_tenant_of_a_token_of_some_accounts_sees_its_own_there(api: Api) -> None:
    for account in ("a", "b"):
        project = api.project(f"p-{account}", "t1")
        api.resource(f"droplet-{account}", project, account=account)
    own = ask(api, "inventory", role=None, tenant_id="t1", accounts=["b"])
    assert seen(own) == {"b"}
