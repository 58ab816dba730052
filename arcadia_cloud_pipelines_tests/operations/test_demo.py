"""`arcadia demo`, twice, as a person runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.common.folders import OURS
from arcadia_cloud_pipelines.marts.reading import names
from arcadia_cloud_pipelines.warehouse.embedded import EmbeddedPostgres

QUESTIONS = (
    "What did the last month cost, and for whom?",
    "What will this month cost?",
    "What is paid for without need?",
    "What is not as it was planned, and what does that cost?",
    "What belongs to nobody?",
)


def demo(home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "arcadia_cloud_pipelines.cli.main", "demo"],
        env={**os.environ, "ARCADIA_HOME": str(home), **variables},
        cwd=home.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


def counts(text: str, title: str) -> dict[str, int]:
    """First and second column of the table with this title."""
    block = text.split(f"\n{title}")[1].split("\n\n")[0].splitlines()[2:]
    return {row.split()[0]: int(row.split()[1].replace(",", "")) for row in block}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    home = tmp_path_factory.mktemp("demo") / "home"
    # Whatever is set, the demo touches neither an account nor another database.
    done = demo(
        home,
        DO_API_URL="http://127.0.0.1:1",
        DO_API_TOKEN="dop_v1_secret",
        SPACES_ACCESS_KEY_ID="a secret half of a pair",
        ARCADIA_DATABASE_URL="postgresql://me:hunter2@127.0.0.1:1/x",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "secret" not in done.stdout + done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    return home, done.stdout


def test_shows_what_came_of_it(first: tuple[Path, str]) -> None:
    home, text = first
    log = (home / "logs" / "demo.log").read_text()
    assert "✓ droplets" in log, "the long list"
    assert all(entry.name.startswith(OURS) for entry in home.iterdir())
    assert len(text.splitlines()) < 110, text
    # The answers come before the counts.
    places = [text.index(question) for question in QUESTIONS]
    assert places == sorted(places)
    assert places[-1] < text.index("\nResources")
    resources = counts(text, "Resources")
    assert resources["droplet"] >= 10
    assert resources["unknown"] == 1
    assert resources["spaces_bucket"] == 3
    events = counts(text, "Events")
    assert events["discovered"] >= 30
    assert {"updated", "deleted"} <= events.keys()
    assert "skyai-internal" in text
    assert "make up" in text
    assert text.rstrip().splitlines()[-2].endswith("http://127.0.0.1:3000: these runs are there")
    assert "RUN_SUCCESS" in log
    assert "RUN_SUCCESS" not in text


RIGHTLY_EMPTY = {
    "allocation_gaps": "every line is allocated",
    "left_behind": "no cluster was deleted",
    "past_names": "nothing was renamed",
    "restatements": "no invoice was corrected",
    "unbilled_resources": "whatever is billed has its lines",
}
"""Views that may have no row in the demo, and why that is right."""


def test_every_view_shows_something(first: tuple[Path, str]) -> None:
    home, _ = first
    server = EmbeddedPostgres(home)
    try:
        engine = sa.create_engine(server.url("arcadia"))
        with engine.connect() as connection:
            empty = {
                name
                for name in names()
                if not connection.scalar(sa.text(f"SELECT EXISTS (SELECT FROM marts.{name})"))
            }
            broken, rules, purposes, gone, untold = connection.execute(
                sa.text(
                    "SELECT (SELECT count(*) FROM marts.untagged_resources"
                    " WHERE missing_keys <> '{}'),"
                    " (SELECT count(*) FROM cloud_drift_ignore_rules),"
                    " (SELECT count(*) FROM cloud_projects WHERE purpose = 'web shop'),"
                    " (SELECT count(*) FROM cloud_drift"
                    " WHERE status = 'open' AND field = 'deleted_at'),"
                    " (SELECT count(*) FROM cloud_alarms"
                    " WHERE told_at IS NULL OR closed_at IS NULL AND severity = 'critical')"
                )
            ).one()
        engine.dispose()
    finally:
        server.close()
    assert empty <= RIGHTLY_EMPTY.keys()
    assert broken > 0
    assert (rules, purposes) == (1, 1)
    assert gone == 0, "the ignore rule holds when the demo ends"
    assert untold == 0, "`make up` after it has nothing new to tell"


def test_a_second_one_goes_on_and_the_doctor_is_content(first: tuple[Path, str]) -> None:
    home, text = first
    again = demo(home)
    assert again.returncode == 0, again.stdout + again.stderr
    before, after = counts(text, "Events"), counts(again.stdout, "Events")
    # The same account, a few days older: no second discovery of everything, no mass deletion.
    assert before["discovered"] <= after["discovered"] < before["discovered"] * 1.5
    assert before["deleted"] <= after["deleted"] < before["discovered"] / 2
    # The doctor only looks, and with the last command the server has ended: something uses it.
    server = EmbeddedPostgres(home)
    try:
        doctor = subprocess.run(
            [sys.executable, "-m", "arcadia_cloud_pipelines.cli.main", "doctor"],
            env={**os.environ, "ARCADIA_HOME": str(home)},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
    finally:
        server.close()
    assert doctor.returncode == 0, doctor.stdout
    assert "✓ pools: cloud_billing 1" in doctor.stdout
    assert "Spaces: no key pair is set" in doctor.stdout
