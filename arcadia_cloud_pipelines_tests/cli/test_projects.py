"""`arcadia projects list` and `classify`."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from arcadia_cloud_pipelines.cli.main import main
from arcadia_cloud_pipelines.warehouse.engine import Warehouse


@pytest.fixture
def _projects(warehouse: Warehouse, libpq_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCADIA_DATABASE_URL", libpq_url)
    with warehouse.transaction() as connection:
        connection.execute(
            sa.text("""
                INSERT INTO cloud_projects
                    (account, provider_id, name, first_seen_at, last_seen_at, deleted_at)
                VALUES ('a', 'u-1', 'Acme [web]', now(), now(), NULL),
                       ('a', 'u-2', 'Twin', now(), now(), NULL),
                       ('b', 'u-3', 'twin', now(), now(), NULL),
                       ('a', 'u-4', 'Gone', now(), now(), now())
            """)
        )


def call(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, ["projects", *arguments])
    assert done.exit_code == code, done.output
    return done.output


@pytest.mark.usefixtures("_projects")
def test_a_project_is_classified_by_name_or_uuid(warehouse: Warehouse) -> None:
    assert "tenant t-1, purpose shop" in call(
        "classify", "acme [WEB]", "--tenant", "t-1", "--purpose", "shop"
    )
    assert "tenant t-1, purpose none" in call("classify", "u-1", "--purpose", "")
    shown = call("list")
    assert "Acme [web]" in shown
    assert "t-1" in shown
    assert "Gone" not in shown
    with warehouse.transaction() as connection:
        rows = connection.execute(
            sa.text("SELECT provider_id, tenant_id FROM cloud_projects WHERE tenant_id IS NOT NULL")
        ).all()
    assert [tuple(row) for row in rows] == [("u-1", "t-1")]


@pytest.mark.usefixtures("_projects")
@pytest.mark.parametrize(
    ("project", "says"), [("nope", "no live project"), ("Gone", "no live"), ("Twin", "u-2, u-3")]
)
def test_what_cannot_be_told_is_refused(project: str, says: str) -> None:
    assert says in call("classify", project, "--tenant", "t", code=1)


@pytest.mark.usefixtures("_projects")
def test_saying_nothing_is_a_mistake() -> None:
    assert "--tenant" in call("classify", "u-1", code=2)
