"""The real application on a real database, with a clock that tests move."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from starlette.testclient import TestClient

from arcadia_cloud_pipelines.api.app import create_app
from arcadia_cloud_pipelines.api.config import ApiConfig
from arcadia_cloud_pipelines.inventory.tables import (
    cloud_projects,
    cloud_resource_events,
    cloud_resources,
)
from arcadia_cloud_pipelines.settings.secret import Secret
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

SECRET = "the shared secret of tests".ljust(64, "!")
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@dataclass
class Api:
    """The application as its clients have it."""

    warehouse: Warehouse
    app: FastAPI
    client: TestClient
    time: list[datetime] = field(default_factory=lambda: [NOW])

    def token(self, *, key: str = SECRET, algorithm: str = "HS512", **claims: Any) -> str:
        """A token; a claim that is None is left out."""
        now = self.time[0].timestamp()
        content = {
            "iss": "arcadia", "typ": "access", "exp": now + 600, "nbf": now - 1, "sub": "kim",
            **claims,
        }  # fmt: skip
        content = {name: value for name, value in content.items() if value is not None}
        return jwt.encode(content, key, algorithm)

    def headers(self, role: str) -> dict[str, str]:
        """Those of `admin`, of `nobody`, of somebody with `no token`, or of a tenant."""
        if role == "no token":
            return {}
        claims: dict[str, Any] = {
            "admin": {"role": "platform_admin"}, "nobody": {},
        }.get(role, {"tenant_id": role})  # fmt: skip
        return {"Authorization": f"Bearer {self.token(**claims)}"}

    def get(self, path: str, role: str = "admin", **headers: str) -> Any:
        return self.client.get(path, headers=self.headers(role) | headers)

    def rows(self, path: str, role: str = "admin") -> list[dict[str, Any]]:
        """Every row of a list, page by page."""
        rows: list[dict[str, Any]] = []
        cursor = ""
        while True:
            answer = self.get(f"{path}{cursor}", role)
            assert answer.status_code == 200, answer.text
            body = answer.json()
            rows += body["data"]
            assert len(rows) < 10_000, "the walk does not end"
            if body["next_cursor"] is None:
                return rows
            cursor = f"{'&' if '?' in path else '?'}cursor={body['next_cursor']}"

    def insert(self, table: sa.Table, **values: Any) -> int:
        """One row; its id."""
        with self.warehouse.transaction() as connection:
            return connection.execute(
                table.insert().values(**values).returning(table.c.id)
            ).scalar_one()

    def project(self, name: str, tenant: str | None = None) -> int:
        return self.insert(
            cloud_projects, account="a", provider_id=f"uuid of {name}", name=name,
            tenant_id=tenant, first_seen_at=NOW, last_seen_at=NOW,
        )  # fmt: skip

    def resource(self, provider_id: str, project: int | None = None, **values: Any) -> int:
        row: dict[str, Any] = {
            "account": "a", "kind": "droplet", "provider_id": provider_id, "name": provider_id,
            "project_id": project, "first_seen_at": NOW, "last_seen_at": NOW, **values,
        }  # fmt: skip
        return self.insert(cloud_resources, **row)

    def event(self, resource: int, event: str = "updated", **values: Any) -> int:
        return self.insert(
            cloud_resource_events, **{"resource_id": resource, "event": event, "occurred_at": NOW}
            | values
        )  # fmt: skip


def serve(warehouse: Warehouse, **config: Any) -> Iterator[Api]:
    """The application over a warehouse."""
    time = [NOW]
    settings = {"jwt_secrets": (Secret(SECRET),), **config}
    app = create_app(warehouse, ApiConfig(**settings), lambda: time[0])
    with TestClient(app, base_url="http://arcadia") as client:
        yield Api(warehouse, app, client, time)


@pytest.fixture
def api(warehouse: Warehouse) -> Iterator[Api]:
    yield from serve(warehouse)
