"""Alarms of one team say nothing of another's, and silence of a team is not its health."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.alarms import (
    conditions,
    heartbeat,
    look,
    orchestration,
    run_failures,
    token_conditions,
)
from arcadia_cloud_pipelines.alarms.model import Answer
from arcadia_cloud_pipelines.alarms.sources import Sources
from arcadia_cloud_pipelines.alarms.state import marks, open_alarms
from arcadia_cloud_pipelines.alarms.teams import newest_success
from arcadia_cloud_pipelines.dagster_support.errors import PlainFailure
from arcadia_cloud_pipelines.inventory.tables import cloud_sync_runs
from arcadia_cloud_pipelines.operations.home import Home
from arcadia_cloud_pipelines.settings import load_settings
from arcadia_cloud_pipelines.settings.teams import TAG
from arcadia_cloud_pipelines.warehouse.dagster_marks import WHOLE_ACCOUNT
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

A, B = "a" * 40, "b" * 40
TEAMS = '[one]\ntoken = "ONE"\n[two]\ntokens.cloud_sync_fast = { file = "/run/two" }\n'


@pytest.fixture
def home(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The folder of a deployment with two teams."""
    monkeypatch.setenv("ARCADIA_ACCOUNTS", str(tmp_path / "teams.toml"))
    write(tmp_path, TEAMS)
    return home


def write(folder: Path, text: str) -> None:
    (folder / "teams.toml").write_text(text)


@pytest.fixture
def sources(warehouse: Warehouse, empty_database: sa.URL, home: Home) -> Sources:
    with warehouse.transaction() as connection:
        for team, account in (("one", A), ("two", B)):
            connection.execute(
                sa.text("INSERT INTO cloud_token_accounts (token, account, source, team) "
                        "VALUES (:team, :account, 'team', :team)"),
                {"team": team, "account": account},
            )  # fmt: skip
            connection.execute(
                sa.text("INSERT INTO cloud_resources (account, kind, provider_id, first_seen_at, "
                        "last_seen_at) VALUES (:account, 'droplet', :account, now(), now())"),
                {"account": account},
            )  # fmt: skip
    engine = sa.create_engine(empty_database, poolclass=sa.NullPool)
    return Sources(warehouse, engine, load_settings(), datetime.now(UTC))


def sync(sources: Sources, account: str, hours_ago: float, **values: Any) -> None:
    at = sources.now - timedelta(hours=hours_ago)
    row = {"kind": "droplet", "complete": True, **values}
    with sources.warehouse.transaction() as connection:
        connection.execute(
            cloud_sync_runs.insert().values(account=account, started_at=at, ended_at=at, **row)
        )


def keys(answer: Answer) -> list[str]:
    return sorted(alarm.key for alarm in answer.bad)


def test_a_team_of_which_nothing_comes_any_more_is_late_until_it_is_retired(
    sources: Sources,
) -> None:
    sync(sources, A, 1)
    sync(sources, B, 40)
    [late] = conditions.late(sources).bad
    assert late.key == f"late/droplet/{B}"
    assert late.subject == "droplet of team two late"
    assert f"retire-account {B}" in late.advice
    with sources.warehouse.transaction() as connection:
        connection.execute(
            sa.text("UPDATE cloud_resources SET deleted_at = now() WHERE account = :b"), {"b": B}
        )
    assert conditions.late(sources).bad == []


def test_an_account_that_was_left_for_another_is_not_late(sources: Sources) -> None:
    """A team's newest token says which account is its own."""
    c = "c" * 40
    with sources.warehouse.transaction() as connection:
        connection.execute(
            sa.text("INSERT INTO cloud_token_accounts (token, account, source, team, noted_at) "
                    "VALUES ('new', :c, 'team', 'two', now() + interval '1 minute')"), {"c": c}
        )  # fmt: skip
    for account, hours in ((A, 1), (B, 40), (c, 1)):
        sync(sources, account, hours)
    assert conditions.late(sources).bad == []


def test_a_refused_token_is_told_with_where_it_stands(sources: Sources) -> None:
    sync(sources, A, 1, complete=False, error="GET /v2/account answered 401: no.")
    sync(sources, B, 1)
    [alarm] = token_conditions.rejected_tokens(sources).bad
    assert alarm.key == f"token_rejected/cloud_sync_fast/{A}"
    assert "token in ONE (the entry of one in " in alarm.advice
    assert "teams.toml" in alarm.advice
    sync(sources, A, 0.5)
    sync(sources, B, 0.5, complete=False, error="GET /v2/account answered 401: no.")
    [alarm] = token_conditions.rejected_tokens(sources).bad
    assert "token in /run/two (the entry of two" in alarm.advice


def test_an_implausible_loss_is_confirmed_for_its_account(sources: Sources) -> None:
    sync(sources, A, 1, implausible=True, missing=9)
    sync(sources, B, 0.5)
    [alarm] = conditions.suppressed_losses(sources).bad
    assert alarm.advice.endswith(f"confirm-loss droplet --account {A}`.")


mood = {"fails": False, "outage": False}


@dg.asset(name="invoices")
def thing() -> None:
    if mood["outage"]:
        raise PlainFailure("GET /v2/account answered 401: set it.", {WHOLE_ACCOUNT: True})
    if mood["fails"]:
        raise dg.Failure("GET /v2/things answered 503: run it again later.")


@dg.asset_check(asset=thing)
def good() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=not mood["bad_check"], description="two differ")


def run(instance: dg.DagsterInstance, team: str | None, job: str = "things", **moods: bool) -> None:
    mood.update({"fails": False, "outage": False, "bad_check": False} | moods)
    made = dg.Definitions(
        [thing], jobs=[dg.define_asset_job(job, selection="*")], asset_checks=[good],
        executor=dg.in_process_executor,
    )  # fmt: skip
    made.resolve_job_def(job).execute_in_process(
        instance=instance, raise_on_error=False, tags={} if team is None else {TAG: team}
    )


def test_a_run_of_one_team_heals_no_alarm_of_another(
    instance: dg.DagsterInstance, sources: Sources
) -> None:
    run(instance, "one", fails=True)
    run(instance, "two")
    answer = run_failures.failed_runs(sources)
    assert keys(answer) == ["run_failed/things/one"]
    assert answer.bad[0].subject == "job things of team one failed"
    assert "run_failed/things/two" in (answer.well or ())
    run(instance, "one")
    assert keys(run_failures.failed_runs(sources)) == []


def test_an_account_that_does_not_answer_is_its_teams_alone(
    instance: dg.DagsterInstance, sources: Sources
) -> None:
    run(instance, "one", outage=True)
    run(instance, "one", "hourly", outage=True)
    run(instance, "two")
    [alarm] = run_failures.unanswered_account(sources).bad
    assert alarm.key == "account_out/one"
    assert alarm.subject == "DigitalOcean account of team one out of reach"
    assert run_failures.failed_runs(sources).bad == []
    run(instance, "two", outage=True)
    assert keys(run_failures.unanswered_account(sources)) == ["account_out/one", "account_out/two"]
    run(instance, "one")
    run(instance, "one", "hourly")
    assert keys(run_failures.unanswered_account(sources)) == ["account_out/two"]


def test_a_file_that_cannot_be_used_heals_nothing(
    instance: dg.DagsterInstance, sources: Sources, tmp_path: Path
) -> None:
    run(instance, "one", outage=True)
    run(instance, "two")
    write(tmp_path, "[one")
    assert keys(run_failures.unanswered_account(sources)) == ["account_out/one"]
    run(instance, "one", fails=True)
    assert keys(run_failures.failed_runs(sources)) == ["run_failed/things/one"]


def test_what_a_team_left_behind_ends_when_it_is_taken_out_or_renamed(
    instance: dg.DagsterInstance, sources: Sources, tmp_path: Path
) -> None:
    questions = {k: orchestration.QUESTIONS[k] for k in ("run_failed", "check_failed")}
    run(instance, "two", bad_check=True)
    look.look(sources.settings, sources.warehouse, sources.dagster, questions)
    run(instance, "two", fails=True)
    run(instance, "one")
    look.look(sources.settings, sources.warehouse, sources.dagster, questions)
    told = {alarm.key for alarm in open_alarms(sources.warehouse)}
    assert told == {"run_failed/things/two", "check_failed/invoices/good/two"}
    write(tmp_path, TEAMS.replace("[two]", "[deux]"))
    look.look(sources.settings, sources.warehouse, sources.dagster, questions)
    assert open_alarms(sources.warehouse) == []
    with sources.warehouse.transaction() as connection:
        endings = connection.execute(sa.text("SELECT ending FROM cloud_alarms")).scalars().all()
    assert endings == ["The team is mirrored no more."] * 2


def test_a_run_without_a_tag_counts_until_a_team_has_a_newer_one(
    instance: dg.DagsterInstance, sources: Sources
) -> None:
    """It is of before there were teams, or somebody forgot the tag: no further one will come."""
    run(instance, "one")
    run(instance, None, fails=True)
    run(instance, None, bad_check=True)
    assert keys(orchestration.failed_checks(sources)) == ["check_failed/invoices/good"]
    run(instance, None, fails=True)
    assert keys(run_failures.failed_runs(sources)) == ["run_failed/things"]
    run(instance, "one")
    answer = run_failures.failed_runs(sources)
    assert (answer.bad, "run_failed/things" in (answer.well or ())) == ([], True)
    assert keys(orchestration.failed_checks(sources)) == []


def test_without_the_file_runs_of_former_teams_are_no_alarms_of_theirs(
    instance: dg.DagsterInstance, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(instance, "two", fails=True)
    run(instance, None)
    monkeypatch.delenv("ARCADIA_ACCOUNTS")
    alone = Sources(sources.warehouse, sources.dagster, load_settings(), sources.now)
    answer = run_failures.failed_runs(alone)
    assert (answer.bad, "run_failed/things/two" in (answer.well or ())) == ([], True)


def test_what_is_materialised_by_hand_is_told_by_team(
    instance: dg.DagsterInstance, sources: Sources
) -> None:
    mood.update({"fails": True, "outage": False, "bad_check": False})
    dg.materialize([thing], instance=instance, raise_on_error=False, tags={TAG: "one"})
    mood.update({"fails": False})
    dg.materialize([thing], instance=instance, raise_on_error=False, tags={TAG: "two"})
    [alarm] = run_failures.failed_by_hand(sources).bad
    assert alarm.subject == "assets of team one failed"


def test_a_daily_asset_is_late_for_the_team_that_lacks_it(
    instance: dg.DagsterInstance, sources: Sources
) -> None:
    run(instance, "one")
    with sources.dagster.begin() as connection:
        connection.execute(
            sa.text("UPDATE event_logs SET timestamp = timestamp - interval '2 days'")
        )
    run(instance, "two")
    answer = orchestration.late_assets(sources)
    assert keys(answer) == ["asset_late/invoices/one"]
    assert answer.bad[0].subject == "invoices of team one late"
    assert "asset_late/invoices/two" in (answer.well or ())


def test_the_heartbeat_beats_for_the_team_that_is_behind(
    instance: dg.DagsterInstance, sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(heartbeat, "ping", lambda url: bool(asked.append(url)) or True)
    monkeypatch.setenv("ARCADIA_HEARTBEAT_URL", "https://beat.example/x")

    def beats() -> int:
        asked.clear()
        look.look(load_settings(), sources.warehouse, sources.dagster, {})
        return len(asked)

    def newest() -> datetime | None:
        with sources.dagster.begin() as connection:
            return newest_success(load_settings(), connection, look.REFRESH_JOB)

    run(instance, "one", look.REFRESH_JOB)
    assert (newest(), beats()) == (None, 0), "two was never refreshed"
    run(instance, "two", look.REFRESH_JOB)
    assert beats() == 1
    run(instance, "two", look.REFRESH_JOB)
    assert beats() == 0, "one has nothing new"
    with sources.warehouse.transaction() as connection:
        assert marks(connection)["pinged"] == newest()
    write(tmp_path, "[one")
    assert newest() is None, "nobody knows which teams there are"
