"""Canaries in every string of the official examples that could be a secret or personal data."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from arcadia_cloud_pipelines.inventory.assets import LISTINGS, build_asset
from arcadia_cloud_pipelines.inventory.kinds import KIND_BY_NAME, KINDS, Kind
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from .helpers import everything, rows
from .test_sightings import FILES, example

CANARY = "CANARY-0123456789"
# Names of fields that hold a secret or say something of a person, wherever they are.
SENSITIVE = {
    "password", "uri", "user_data", "public_key", "key", "owner_uuid", "user_id",
    "route_created_by", "team_id", "hf_token", "sso_url", "repo_clone_url", "run_command",
    "envs", "log_destinations", "users", "alerts", "notifications", "private_key", "auth_key",
    "api_keys", "metadata", "email", "slack",
}  # fmt: skip
# Where an object may hold one although its example does not.
ADDED: dict[str, dict[str, Any]] = {
    "app": {"envs": [{"key": "A", "value": CANARY}], "log_destinations": [{"endpoint": CANARY}]},
    "certificate": {"private_key": CANARY},
    "function_namespace": {"key": CANARY},
    "spaces_key": {"secret_key": CANARY},
    "agent": {"api_keys": [{"api_key": CANARY}], "url": CANARY},
    "partner_attachment": {"service_key": CANARY},
}


def plant(value: Any, inside: bool = False) -> Any:
    """The value with a canary for every string in a sensitive field, at any depth."""
    if isinstance(value, dict):
        return {k: plant(inner, inside or k in SENSITIVE) for k, inner in value.items()}
    if isinstance(value, list):
        return [plant(inner, inside) for inner in value]
    return CANARY if inside and isinstance(value, str) else value


class Answers:
    """A client whose lists hold the planted examples."""

    def __init__(self) -> None:
        self.calls = 0
        self.base_url = "https://api.digitalocean.com"
        self.items: dict[str, list[Any]] = {}
        for kind, item in map(example, FILES):
            planted = plant(copy.deepcopy(item)) | ADDED.get(kind.name, {})
            if kind.name == "app":
                planted["spec"]["services"][0] |= ADDED["app"]
            # What is inside another's list is in its example, too.
            for endpoint in (e for e in kind.endpoints if not e.inside):
                self.items.setdefault(endpoint.path.partition("{")[0], []).append(planted)

    def for_purpose(self, _purpose: object) -> Answers:
        return self

    def twin(self) -> Answers:
        return self

    def close(self) -> None:
        pass

    def account(self) -> Any:
        return SimpleNamespace(uuid="team")

    def get(self, path: str, _query: object = None, **_options: object) -> Any:
        self.calls += 1
        found = max((p for p in self.items if path.startswith(p)), key=len)
        envelopes = {
            e.envelope for k in KINDS for e in k.endpoints if e.path.partition("{")[0] == found
        }
        return dict.fromkeys(envelopes, self.items[found])


def test_the_plants_are_there() -> None:
    planted = Answers().items
    for kind in ("app", "database", "function_namespace", "autoscale_pool", "alert_policy"):
        assert CANARY in repr(planted[KIND_BY_NAME[kind].endpoints[0].path])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_no_canary_reaches_a_table_a_log_or_an_event(
    warehouse: Warehouse, kind: Kind, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [build_asset(kind)], instance=instance, raise_on_error=False,
            resources={"warehouse": warehouse, "clients": Answers(), **LISTINGS},
        )  # fmt: skip
        told = "\n".join(entry.to_json() for entry in instance.all_logs(result.run_id))
    assert result.success, told[-2000:]
    # The only official private image is a snapshot, which is another kind's.
    assert rows(warehouse, kind.name) or kind.name == "image"
    assert CANARY not in everything(warehouse) + caplog.text + told
