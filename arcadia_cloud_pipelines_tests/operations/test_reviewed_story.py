"""The demo's reviewed files: each is one that its reader accepts, and what was edited stays."""

from __future__ import annotations

from pathlib import Path

from arcadia_cloud_pipelines.forecast.budgets import read_budgets
from arcadia_cloud_pipelines.inventory.rules import read_project_rules
from arcadia_cloud_pipelines.operations.home import Home
from arcadia_cloud_pipelines.operations.reviewed_story import file_variables, write_files
from arcadia_cloud_pipelines.settings import load_settings
from arcadia_cloud_pipelines.tagging.policy import read_policy


def test_every_file_is_one_that_its_reader_accepts(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert file_variables(home) == {}
    write_files(home)
    settings = load_settings({"ARCADIA_HOME": str(tmp_path), **file_variables(home)})
    assert settings.budgets is not None
    assert settings.tag_policy is not None
    assert settings.project_rules is not None
    assert len(read_budgets(settings.budgets)) == 3
    assert len(read_policy(settings.tag_policy).tag) == 2
    assert len(read_project_rules(settings.project_rules)) == 2
    settings.budgets.write_text("budget = []")
    write_files(home)
    assert read_budgets(settings.budgets) == ()
