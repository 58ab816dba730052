"""`arcadia projects list` and `classify`."""

from __future__ import annotations

from pathlib import Path

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


RULES = """
[[rule]]
name = "acme *"
tenant_id = "acme"

[[rule]]
name = "nobody"
purpose = "nothing"

[[rule]]
name = "*win"
purpose = "copy"
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "rules.toml"
    path.write_text(RULES)
    return str(path)


def classified(warehouse: Warehouse) -> dict[str, tuple[object, ...]]:
    with warehouse.transaction() as connection:
        rows = connection.execute(
            sa.text(
                "SELECT provider_id, tenant_id, tenant_id_by, purpose, purpose_by "
                "FROM cloud_projects WHERE tenant_id_by IS NOT NULL OR purpose_by IS NOT NULL"
            )
        ).all()
    return {row[0]: tuple(row[1:]) for row in rows}


@pytest.mark.usefixtures("_projects")
def test_rules_are_shown_and_then_applied(warehouse: Warehouse, file: str) -> None:
    call("classify", "u-2", "--purpose", "original")
    before = classified(warehouse)
    lines = (
        "Acme [web] (u-1): tenant_id none -> acme",
        "twin (u-3): purpose none -> copy",
        "Twin (u-2): purpose stays original, set by hand; the rules say copy",
        'No project matches rule 2 (name = "nobody").',
    )
    dry = call("classify", "--rules", file, "--dry-run")
    for line in (*lines, "2 changes to come; nothing was stored.", "set ARCADIA_PROJECT_RULES"):
        assert line in dry
    assert classified(warehouse) == before
    done = call("classify", "--rules", file)
    for line in (*lines, "2 changes made."):
        assert line in done
    assert classified(warehouse) == {
        "u-1": ("acme", "rule", None, None),
        "u-2": (None, None, "original", "hand"),
        "u-3": (None, None, "copy", "rule"),
    }
    shown = call("list")
    for text in ("acme (by rule)", "original (by hand)", "copy (by rule)"):
        assert text in shown
    call("classify", "u-1", "--tenant", "")
    assert "none (by hand)" in call("list")
    assert "0 changes made." in call("classify", "--rules", file)


@pytest.mark.usefixtures("_projects")
def test_another_file_than_the_syncs_one_is_told(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCADIA_PROJECT_RULES", str(tmp_path / "other.toml"))
    assert "other.toml (ARCADIA_PROJECT_RULES)" in call("classify", "--rules", file)
    monkeypatch.setenv("ARCADIA_PROJECT_RULES", file)
    assert "ARCADIA_PROJECT_RULES" not in call("classify", "--rules", file)


@pytest.mark.usefixtures("_projects")
def test_a_broken_file_of_rules_is_one_sentence(file: str, warehouse: Warehouse) -> None:
    Path(file).write_text("[[rule]]\nname = 'x'")
    said = call("classify", "--rules", file, code=1)
    assert "Error:" in said
    assert f'{file}, rule 1 (name = "x"): it gives nothing' in said
    assert classified(warehouse) == {}


@pytest.mark.usefixtures("_projects")
def test_a_field_is_left_to_the_rules_again(
    file: str, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("classify", "u-1", "--tenant", "mine", "--purpose", "shop")
    said = call("classify", "u-1", "--purpose-by-rules")
    assert "tenant mine, purpose none" in said
    assert "ARCADIA_PROJECT_RULES is not set" in said
    assert classified(warehouse)["u-1"] == ("mine", "hand", None, None)
    monkeypatch.setenv("ARCADIA_PROJECT_RULES", file)
    said = call("classify", "u-1", "--tenant-by-rules", "--purpose", "shop")
    assert "tenant acme, purpose shop" in said
    assert "not set" not in said
    assert classified(warehouse)["u-1"] == ("acme", "rule", "shop", "hand")


@pytest.mark.usefixtures("_projects")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("u-1", "--rules", "f"), "--rules is for all projects"),
        (("--rules", "f", "--tenant", "t"), "--rules is for all projects"),
        (("--rules", "f", "--purpose-by-rules"), "--rules is for all projects"),
        (("u-1", "--tenant", "t", "--dry-run"), "--dry-run has a meaning only with --rules"),
        (("--tenant", "t"), "name a PROJECT"),
        (("u-1", "--tenant", "t", "--tenant-by-rules"), "cannot be used together"),
        (("u-1", "--purpose", "", "--purpose-by-rules"), "cannot be used together"),
    ],
)
def test_options_that_do_not_go_together(
    warehouse: Warehouse, arguments: tuple[str, ...], says: str
) -> None:
    assert says in call("classify", *arguments, code=2)
    assert classified(warehouse) == {}
