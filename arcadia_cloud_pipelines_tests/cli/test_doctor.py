"""`arcadia doctor`: exit status, marks, JSON."""

from __future__ import annotations

import json
from pathlib import Path

from .conftest import Run


def test_a_fresh_laptop_is_well_and_a_broken_database_is_not(arcadia: Run, tmp_path: Path) -> None:
    well = arcadia("doctor")
    assert well.returncode == 0, well.stdout
    assert "All is well." in well.stdout
    assert "– token: none is set" in well.stdout
    assert "– warehouse: the embedded PostgreSQL does not run now" in well.stdout
    assert not list(tmp_path.glob("home/*")), "the doctor looks, and starts nothing"
    sick = arcadia("doctor", "--json", ARCADIA_DATABASE_URL="postgresql://me@127.0.0.1:1/x")
    assert sick.returncode == 1
    wrong = [finding for finding in json.loads(sick.stdout) if finding["state"] == "wrong"]
    assert [finding["subject"] for finding in wrong] == ["warehouse"]
    assert all(finding["remedy"] for finding in wrong)
