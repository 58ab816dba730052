"""What is asked of the two databases, with a real Dagster behind one of them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.alarms import (
    billing_conditions,
    conditions,
    dagster_parts,
    look,
    orchestration,
    run_failures,
    run_interruptions,
    token_conditions,
)
from arcadia_cloud_pipelines.alarms.model import Answer
from arcadia_cloud_pipelines.alarms.sources import Sources
from arcadia_cloud_pipelines.alarms.state import open_alarms
from arcadia_cloud_pipelines.common.severity import Severity
from arcadia_cloud_pipelines.dagster_support.errors import PlainFailure
from arcadia_cloud_pipelines.inventory.tables import cloud_sync_runs
from arcadia_cloud_pipelines.operations import machine
from arcadia_cloud_pipelines.operations.home import Home
from arcadia_cloud_pipelines.operations.watch import QUESTIONS
from arcadia_cloud_pipelines.settings import load_settings
from arcadia_cloud_pipelines.warehouse.dagster_marks import WHOLE_ACCOUNT
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query


@pytest.fixture
def sources(warehouse: Warehouse, empty_database: sa.URL, home: Home) -> Sources:
    engine = sa.create_engine(empty_database, poolclass=sa.NullPool)
    return Sources(warehouse, engine, load_settings(), datetime.now(UTC))


def keys(answer: Answer) -> list[str]:
    return sorted(alarm.key for alarm in answer.bad)


def sync(sources: Sources, hours_ago: float, kind: str = "droplet", **values: Any) -> None:
    at = sources.now - timedelta(hours=hours_ago)
    row = {"account": "team", "complete": True, **values}
    with sources.warehouse.transaction() as connection:
        connection.execute(
            cloud_sync_runs.insert().values(kind=kind, started_at=at, ended_at=at, **row)
        )


def test_late_data_is_a_kind_that_was_there_and_comes_no_more(sources: Sources) -> None:
    assert conditions.late(sources).bad == []
    sync(sources, 2.9)
    sync(sources, 4, "volume")
    sync(sources, 0, "volume", complete=False, available=False)
    sync(sources, 4, "database", complete=False)
    sync(sources, -2, "vpc")
    sync(sources, 99, "of another release")
    answer = conditions.late(sources)
    assert keys(answer) == ["late/volume", "late/vpc"]
    texts = {alarm.key: alarm.text for alarm in answer.bad}
    assert texts["late/volume"] == "last listed completely 4 hours ago"
    assert "in the future" in texts["late/vpc"]


def test_a_loss_that_was_not_recorded(sources: Sources) -> None:
    sync(sources, 3, implausible=True, missing=12)
    sync(sources, 2, complete=False, error="GET /v2/droplets answered 503")
    assert keys(conditions.suppressed_losses(sources)) == ["loss_suppressed/droplet"]
    assert "confirm-loss droplet" in conditions.suppressed_losses(sources).bad[0].advice
    sync(sources, 1, withheld={"tags": 3})
    assert "tags became empty" in conditions.suppressed_losses(sources).bad[0].text
    sync(sources, 0)
    assert conditions.suppressed_losses(sources).bad == []


def test_a_token_that_is_refused(sources: Sources) -> None:
    sync(sources, 3)
    refused = {"complete": False, "account": None}
    sync(sources, 2, "volume", error="GET /v2/volumes answered 401 (Unable): set it.", **refused)
    assert keys(token_conditions.rejected_tokens(sources)) == ["token_rejected/cloud_sync_fast"]
    sync(sources, 1, "droplet", error="GET /v2/droplets answered 503: later.", **refused)
    answer = token_conditions.rejected_tokens(sources)
    assert (answer.bad, answer.unsure) == ([], {"token_rejected/cloud_sync_fast"})
    sync(sources, 0, "droplet")
    answer = token_conditions.rejected_tokens(sources)
    assert (answer.bad, answer.unsure) == ([], frozenset())


def test_invoices_that_are_off_or_missing(sources: Sources) -> None:
    query(
        sources.warehouse,
        """
        INSERT INTO cloud_invoices (account, invoice_uuid, amount, period, ingest_status,
            lines_total, first_seen_at, last_error)
        VALUES ('t', 'even', 5, '2026-04-01', 'ingested', 5, now(), NULL),
            ('t', 'off', 5, '2026-05-01', 'ingested', 4, now(), NULL),
            ('t', 'cents', 5, '2026-06-01', 'ingested', 4.98, now(), NULL),
            ('t', 'failed', 5, '2026-07-01', 'failed', NULL, now(), 'it is HTML'),
            ('t', 'new', 5, '2026-08-01', 'pending', NULL, now(), NULL),
            ('t', 'old', 5, '2026-08-01', 'pending', NULL, now() - interval '3 days', NULL)
        RETURNING 1
        """,
    )
    off = billing_conditions.unreconciled_invoices(sources)
    assert {a.key: a.severity for a in off.bad} == {
        "invoice_off/off": Severity.ERROR, "invoice_off/cents": Severity.WARNING,
    }  # fmt: skip
    missing = billing_conditions.missing_invoices(sources)
    assert keys(missing) == ["invoice_missing/failed", "invoice_missing/old"]
    assert "it is HTML" in missing.bad[0].text


def test_a_budget_that_does_not_hold_and_a_day_that_is_unusual(sources: Sources) -> None:
    now = sources.now
    period = now.date().replace(day=1)
    with sources.warehouse.transaction() as connection:
        connection.execute(
            sa.text(
                """
                INSERT INTO cloud_budgets (name, amount, scope)
                VALUES ('tight', 100, 'account'), ('wide', 900, 'account');
                INSERT INTO cloud_forecasts (account, period, method, known_until, expected,
                    made_at, whole)
                VALUES ('t', :period, 'structure', :now, 120, :now, true);
                INSERT INTO cloud_forecast_lines (account, period, class, so_far, expected)
                VALUES ('t', :period, 'run', 40, 120);
                INSERT INTO cloud_cost_days (account, day, row_count, amount, first_seen_at,
                    last_read_at)
                SELECT 't', CAST(:now AS date) - n, 1, 2, :now, :now
                FROM generate_series(1, 40) AS n;
                INSERT INTO cloud_daily_costs (account, day, product, description, amount,
                    unmatched_reason)
                SELECT 't', CAST(:now AS date) - n, 'Droplets', 'web (s-1)',
                    CASE WHEN n IN (3, 20) THEN 60 ELSE 2 END, 'never_seen'
                FROM generate_series(1, 40) AS n;
                """
            ),
            {"period": period, "now": now},
        )
    answer = billing_conditions.strained_budgets(sources)
    assert keys(answer) == ["budget/t/tight"]
    assert "$40.00 of $100.00 are used (account)" in answer.bad[0].text
    assert answer.bad[0].severity is Severity.WARNING
    unusual = billing_conditions.unusual_costs(sources)
    day = now.date() - timedelta(days=3)
    assert keys(unusual) == [f"anomaly/t/day/{day}/(no project)"]
    assert "$60.00, about $2.00 are usual: web (s-1) +58.00" in unusual.bad[0].text
    # A week later the day is no news; a month later the budget is another one.
    later = replace(sources, now=now + timedelta(days=40))
    assert (
        billing_conditions.unusual_costs(later).bad
        == billing_conditions.strained_budgets(later).bad
        == []
    )


def test_usage_that_is_stopped_or_will_be(sources: Sources) -> None:
    query(
        sources.warehouse,
        """
        INSERT INTO cloud_prepayments (account, balance, blocked, first_read_at, last_read_at)
        VALUES ('well', 90, false, now(), now()), ('stopped', 0.00, true, now(), now()),
            ('empty', 0, false, now(), now()), ('silent', NULL, NULL, now(), now())
        RETURNING 1
        """,
    )
    answer = billing_conditions.ending_prepayments(sources)
    assert {a.key: a.severity for a in answer.bad} == {
        "prepayment/stopped": Severity.CRITICAL, "prepayment/empty": Severity.ERROR,
    }  # fmt: skip
    assert answer.unsure == {"prepayment/silent"}
    assert answer.bad[1].text == ("$0.00 are left, for about 0 days: DigitalOcean blocks usage")


def test_each_drift_is_an_alarm_until_it_is_settled(sources: Sources) -> None:
    ids = [
        row["id"]
        for row in query(
            sources.warehouse,
            """
            WITH r AS (
                INSERT INTO cloud_resources (account, kind, provider_id, name, first_seen_at,
                    last_seen_at)
                VALUES ('t', 'droplet', '1', 'we|b', now(), now()) RETURNING id
            )
            INSERT INTO cloud_drift (resource_id, field, desired, actual, severity)
            SELECT id, field, '"a"', '"b"', severity
            FROM r, (VALUES ('size_slug', 'critical'), ('region', NULL)) AS d (field, severity)
            RETURNING id
            """,
        )
    ]
    first = conditions.new_drift(sources)
    assert "droplet we|b" in first.bad[0].subject
    assert first.bad[0].text == "size_slug a → b"
    # One that nobody has judged yet is a warning.
    assert [alarm.severity for alarm in first.bad] == ["critical", "warning"]
    take_look(sources, {"drift": conditions.new_drift})
    query(
        sources.warehouse,
        "UPDATE cloud_drift SET status = CASE field WHEN 'region' THEN 'stale' ELSE 'accepted' END,"
        " resolved_at = now(), resolved_by = 'ann' RETURNING 1",
    )
    take_look(sources, {"drift": conditions.new_drift})
    ended = query(sources.warehouse, "SELECT key, ending FROM cloud_alarms ORDER BY key")
    assert [(e["key"], e["ending"]) for e in ended] == [
        (f"drift/{ids[0]}", "Accepted by ann."), (f"drift/{ids[1]}", "The resource is as desired "
            "again."),
    ]  # fmt: skip


def take_look(sources: Sources, questions: Any) -> look.Looked:
    return look.look(sources.settings, sources.warehouse, sources.dagster, questions)


@dg.asset
def thing() -> None:
    if mood["thing"] == "bad":
        raise dg.Failure("GET /v2/things answered 503: run it again later.")


@dg.asset_check(asset=thing)
def good() -> dg.AssetCheckResult:
    if mood["good"] == "broken":
        raise RuntimeError("division by zero")
    return dg.AssetCheckResult(
        passed=mood["good"] == "well", severity=dg.AssetCheckSeverity.WARN,
        description="two differ",
    )  # fmt: skip


mood = {"thing": "well", "good": "well"}


def run(instance: dg.DagsterInstance, **moods: str) -> None:
    mood.update({"thing": "well", "good": "well"} | moods)
    job = dg.define_asset_job("things", selection="*")
    defs = dg.Definitions([thing], jobs=[job], asset_checks=[good], executor=dg.in_process_executor)
    defs.resolve_job_def("things").execute_in_process(instance=instance, raise_on_error=False)


def test_a_job_is_bad_until_a_run_of_it_succeeds(
    instance: dg.DagsterInstance, sources: Sources
) -> None:
    assert run_failures.failed_runs(sources) == Answer("run_failed/", [], well=frozenset())
    run(instance, thing="bad")
    answer = run_failures.failed_runs(sources)
    [failed] = answer.bad
    assert failed.key == "run_failed/things"
    assert "thing: GET /v2/things answered 503: run it again later." in failed.text
    # What was not reached is not told beside.
    assert orchestration.failed_checks(sources).bad == []
    under_way = instance.add_run(dg.DagsterRun(job_name="things", run_id="r-1"))
    answer = run_failures.failed_runs(sources)
    assert (answer.bad, answer.well) == ([], frozenset())
    instance.delete_run(under_way.run_id)
    run(instance)
    answer = run_failures.failed_runs(sources)
    assert (answer.bad, answer.well) == ([], frozenset({"run_failed/things"}))


def test_an_account_that_does_not_answer_is_one_alarm_of_all_jobs(
    instance: dg.DagsterInstance, sources: Sources
) -> None:
    assert run_failures.unanswered_account(sources).bad == []

    def job(name: str, *, fails: bool) -> None:
        @dg.asset(name="account")
        def one() -> None:
            if fails:
                raise PlainFailure("GET /v2/account answered 401: set it.", {WHOLE_ACCOUNT: True})

        made = dg.Definitions(
            [one], jobs=[dg.define_asset_job(name, selection=dg.AssetSelection.all())],
            executor=dg.in_process_executor,
        )  # fmt: skip
        made.resolve_job_def(name).execute_in_process(instance=instance, raise_on_error=False)

    job("hourly", fails=True)
    job("daily", fails=True)
    assert run_failures.failed_runs(sources).bad == []
    [alarm] = run_failures.unanswered_account(sources).bad
    assert "job daily" in alarm.text
    assert "GET /v2/account answered 401: set it." in alarm.text
    assert "for it failed also: hourly" in alarm.text
    job("daily", fails=False)
    [alarm] = run_failures.unanswered_account(sources).bad
    assert "daily" not in alarm.text, "what has not run well since is still told"
    instance.add_run(dg.DagsterRun(job_name="hourly", run_id="r-1"))
    answer = run_failures.unanswered_account(sources)
    assert (answer.bad, len(answer.unsure)) == ([], 1), "it stays as it is until that has ended"
    instance.delete_run("r-1")
    job("hourly", fails=False)
    answer = run_failures.unanswered_account(sources)
    assert (answer.bad, answer.unsure) == ([], frozenset())


def test_a_run_whose_worker_died_is_waited_for_while_dagster_repeats_it(
    instance: dg.DagsterInstance, sources: Sources
) -> None:
    dead = instance.add_run(
        dg.DagsterRun(job_name="things", run_id="r-1", status=dg.DagsterRunStatus.STARTED)
    )
    instance.report_run_failed(dead, "nothing is working on this run any more")
    assert run_failures.failed_runs(sources) == Answer("run_failed/", [], well=frozenset())
    # Somebody is told all the same, for the process was ended by something.
    [interrupted] = run_interruptions.interrupted_runs(sources).bad
    assert interrupted.key == "run_interrupted/job things"
    assert interrupted.severity is Severity.WARNING
    assert "nothing is working on this run any more" in interrupted.text
    later = replace(sources, now=sources.now + timedelta(minutes=20))
    assert run_interruptions.interrupted_runs(later).bad == []
    [failed] = run_failures.failed_runs(later).bad
    assert failed.key == "run_failed/things"
    assert "nothing is working" in failed.text
    # It ended by a clock that was ahead: no repetition comes any more.
    back = replace(sources, now=sources.now - timedelta(days=400))
    assert keys(run_failures.failed_runs(back)) == ["run_failed/things"]


def test_a_run_that_was_interrupted_is_told_once_also_when_its_repeat_went_well(
    instance: dg.DagsterInstance, sources: Sources
) -> None:
    """A look a minute may find both, the failure and the good repeat."""
    dead = instance.add_run(
        dg.DagsterRun(job_name="things", run_id="r-1", status=dg.DagsterRunStatus.STARTED)
    )
    instance.report_run_failed(dead, "nothing is working on this run any more")
    run(instance)
    questions = {"run_interrupted": run_interruptions.interrupted_runs}
    for _ in range(2):
        take_look(sources, questions)
    told = query(
        sources.warehouse, "SELECT key, announced_at IS NOT NULL AS told FROM cloud_alarms"
    )
    assert told == [{"key": "run_interrupted/job things", "told": True}]
    # What an asset raises is no interruption.
    run(instance, thing="bad")
    assert keys(run_interruptions.interrupted_runs(sources)) == ["run_interrupted/job things"]


def test_what_is_materialised_by_hand_has_a_day_to_be_repeated(
    instance: dg.DagsterInstance, sources: Sources
) -> None:
    mood.update({"thing": "bad"})
    dg.materialize([thing], instance=instance, raise_on_error=False)
    assert len(run_failures.failed_by_hand(sources).bad) == 1
    later = replace(sources, now=sources.now + timedelta(days=2))
    assert run_failures.failed_by_hand(later).bad == []
    mood.update({"thing": "well"})
    dg.materialize([thing], instance=instance)
    assert run_failures.failed_by_hand(sources).bad == []


def test_a_check_that_fails_or_does_not_run(instance: dg.DagsterInstance, sources: Sources) -> None:
    run(instance, good="bad")
    [failed] = orchestration.failed_checks(sources).bad
    assert (failed.key, failed.severity) == ("check_failed/thing/good", Severity.WARNING)
    assert failed.text == "two differ"
    run(instance, good="broken")
    [broken] = orchestration.failed_checks(sources).bad
    assert broken.severity is Severity.ERROR
    assert "division by zero" in broken.text
    run(instance, thing="bad")
    answer = orchestration.failed_checks(sources)
    assert (answer.bad, answer.well) == ([], frozenset())
    run(instance)
    assert orchestration.failed_checks(sources).well == {"check_failed/thing/good"}


def execute(sources: Sources, statement: str, **values: Any) -> None:
    with sources.dagster.begin() as connection:
        connection.execute(sa.text(statement), values)


def test_a_run_that_stands_still(instance: dg.DagsterInstance, sources: Sources) -> None:
    for number, status in enumerate(("NOT_STARTED", "STARTED", "SUCCESS")):
        instance.add_run(
            dg.DagsterRun(
                job_name=status.lower(), run_id=f"r-{number}", status=dg.DagsterRunStatus(status)
            )
        )
    assert run_interruptions.stuck_runs(sources).bad == []
    later = replace(sources, now=sources.now + timedelta(minutes=40))
    assert keys(run_interruptions.stuck_runs(later)) == ["run_stuck/not_started"]
    later = replace(sources, now=sources.now + timedelta(hours=3))
    assert keys(run_interruptions.stuck_runs(later)) == [
        "run_stuck/not_started",
        "run_stuck/started",
    ]


def test_a_daemon_that_is_silent(instance: dg.DagsterInstance, sources: Sources) -> None:
    assert dagster_parts.silent_daemon(sources).well == frozenset()
    for name in ("SENSOR", "SCHEDULER"):
        execute(
            sources, "INSERT INTO daemon_heartbeats (daemon_type, timestamp) VALUES (:n, :at)",
            n=name, at=sources.now.replace(tzinfo=None),
        )  # fmt: skip
    assert dagster_parts.silent_daemon(sources) == Answer("daemon_silent/", [])
    later = replace(sources, now=sources.now + timedelta(minutes=6))
    [silent] = dagster_parts.silent_daemon(later).bad
    assert (silent.key, silent.severity) == ("daemon_silent/all", Severity.CRITICAL)
    execute(
        sources, "UPDATE daemon_heartbeats SET timestamp = :at WHERE daemon_type = 'SENSOR'",
        at=later.now.replace(tzinfo=None),
    )  # fmt: skip
    assert keys(dagster_parts.silent_daemon(later)) == ["daemon_silent/SCHEDULER"]
    # Its beats are from before a clock was set back: none comes any more.
    back = replace(sources, now=sources.now - timedelta(days=400))
    [silent] = dagster_parts.silent_daemon(back).bad
    assert silent.text.startswith("its newest sign is dated 400 days ahead of now")
    # Of one that was silent for weeks nothing is known: it was not started.
    later = replace(sources, now=sources.now + timedelta(days=30))
    assert dagster_parts.silent_daemon(later) == Answer("daemon_silent/", [], well=frozenset())


def test_a_pool_without_slots(instance: dg.DagsterInstance, sources: Sources) -> None:
    for pool in ("cloud_billing", "of_somebody_else"):
        instance.event_log_storage.set_concurrency_slots(pool, 0)
    assert keys(dagster_parts.closed_pools(sources)) == ["pool_closed/cloud_billing"]


def test_schedules_and_sensors_that_stand_still(
    instance: dg.DagsterInstance, sources: Sources
) -> None:
    body = json.dumps({"origin": {"instigator_name": "s"}})
    execute(
        sources,
        "INSERT INTO instigators (selector_id, status, instigator_type, instigator_body) VALUES "
        "('a', 'STOPPED', 'SCHEDULE', :off), ('b', 'DECLARED_IN_CODE', 'SENSOR', :fails), "
        "('c', 'DECLARED_IN_CODE', 'SENSOR', :well)",
        off=body.replace('"s"', '"off"'), fails=body.replace('"s"', '"fails"'),
        well=body.replace('"s"', '"well"'),
    )  # fmt: skip
    tick = json.dumps({"error": {"message": "ModuleNotFoundError"}})
    execute(
        sources,
        "INSERT INTO job_ticks (selector_id, status, timestamp, tick_body) VALUES "
        "('b', 'SUCCESS', :old, '{}'), ('b', 'FAILURE', :new, :body), ('c', 'SKIPPED', :new, '{}')",
        old=sources.now.replace(tzinfo=None) - timedelta(hours=1),
        new=sources.now.replace(tzinfo=None), body=tick,
    )  # fmt: skip
    bad = {alarm.key: alarm for alarm in dagster_parts.stopped_instigators(sources).bad}
    assert sorted(bad) == ["instigator/fails", "instigator/off"]
    assert bad["instigator/fails"].text == "ModuleNotFoundError"
    assert dagster_parts.silent_sensors(sources).bad == []
    for minutes in (16, -500_000):
        later = replace(sources, now=sources.now + timedelta(minutes=minutes))
        assert keys(dagster_parts.silent_sensors(later)) == ["code_silent/sensors"]


def test_the_names_in_dagsters_tables_are_those_of_this_dagster(
    instance: dg.DagsterInstance, sources: Sources
) -> None:
    """A real instigator, a real daily asset: what the questions read out of their bodies."""
    from dagster._core.definitions.run_request import InstigatorType
    from dagster._core.remote_origin import (
        InProcessCodeLocationOrigin,
        RemoteInstigatorOrigin,
        RemoteRepositoryOrigin,
    )
    from dagster._core.scheduler.instigation import (
        InstigatorState,
        InstigatorStatus,
        ScheduleInstigatorData,
    )
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

    origin = RemoteInstigatorOrigin(
        RemoteRepositoryOrigin(
            InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="m"), location_name="l"),
            "__repository__",
        ),
        "inventory_schedule",
    )
    instance.add_instigator_state(
        InstigatorState(
            origin,
            InstigatorType.SCHEDULE,
            InstigatorStatus.STOPPED,
            ScheduleInstigatorData("15 * * * *", None),
        )
    )
    assert keys(dagster_parts.stopped_instigators(sources)) == ["instigator/inventory_schedule"]

    @dg.asset
    def invoices() -> None: ...

    dg.materialize([invoices], instance=instance)
    assert orchestration.late_assets(sources).well == {"asset_late/invoices"}
    later = replace(sources, now=sources.now + timedelta(hours=37))
    assert keys(orchestration.late_assets(later)) == ["asset_late/invoices"]


def test_the_disk(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    gib = 2**30
    found = []
    for free, total in ((50 * gib, 1000 * gib), (4 * gib, 100 * gib), (gib - 1, 100 * gib),
                        (4 * gib, 10 * gib)):  # fmt: skip
        monkeypatch.setattr(machine, "free_space", lambda _p, f=free, t=total: (f, t))
        answer = machine.low_disk(sources)
        found.append([alarm.severity for alarm in answer.bad])
        assert all(alarm.key.startswith(answer.scope) for alarm in answer.bad)
    assert found == [[], [Severity.WARNING], [Severity.CRITICAL], []]


def test_the_clock(sources: Sources) -> None:
    assert not machine.wrong_clock(sources).bad
    ahead = machine.wrong_clock(sources, lambda: datetime.now(UTC) + timedelta(minutes=5))
    assert "300 s ahead of the warehouse's" in ahead.bad[0].text


def test_processes_of_up(sources: Sources, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    import psutil

    scope = machine.dead_processes(sources).scope
    assert machine.dead_processes(sources) == Answer(scope, well=frozenset())
    own = {"name": "daemon", "pid": os.getpid(), "created": psutil.Process().create_time()}
    dead = {"name": "webserver", "pid": os.getpid(), "created": 1.0}
    home.write_state({"children": [own, dead]})
    # A deployment that was stopped says nothing of its processes.
    assert machine.dead_processes(sources) == Answer(scope, well=frozenset())
    # The lock of another process: this one's own does not count.
    monkeypatch.setattr(Home, "in_use", lambda _self: True)
    answer = machine.dead_processes(sources)
    assert [a.key for a in answer.bad] == [f"{scope}webserver"]
    assert answer.well is None


def test_one_look_asks_all_and_one_that_fails_takes_away_no_other(
    instance: dg.DagsterInstance, sources: Sources
) -> None:
    sync(sources, 9)
    assert take_look(sources, QUESTIONS).unanswered == {}
    assert [alarm.key for alarm in open_alarms(sources.warehouse)] == ["late/droplet"]

    def broken(_sources: Sources) -> Answer:
        raise RuntimeError("no answer")

    looked = take_look(sources, QUESTIONS | {"late": broken})
    assert looked.unanswered == {"late": "RuntimeError: no answer"}
    # Absence of an answer is no "well again".
    assert [alarm.key for alarm in open_alarms(sources.warehouse)] == ["late/droplet"]
    sync(sources, 0)
    take_look(sources, QUESTIONS)
    assert open_alarms(sources.warehouse) == []


def test_a_dagster_database_that_is_away_says_nothing(sources: Sources) -> None:
    away = replace(sources, dagster=sa.create_engine("postgresql+psycopg2://u@127.0.0.1:1/x"))
    looked = take_look(away, QUESTIONS)
    assert looked.unanswered.keys() == orchestration.QUESTIONS.keys()


def test_a_field_that_the_api_began_to_tell_is_told_once(sources: Sources) -> None:
    query(
        sources.warehouse,
        """
        INSERT INTO cloud_schema_events (account, kind, field, occurred_at, rows, example_type)
        VALUES ('team', 'droplet', 'subnet_uuid', now(), 1000, 'string'),
            ('team', 'volume', 'old', now() - interval '8 days', 20, 'object') RETURNING 1
        """,
    )
    (alarm,) = conditions.api_changes(sources).bad
    assert "subnet_uuid (string) for 1,000 resources" in alarm.text
    assert (alarm.account, alarm.severity) == ("team", Severity.WARNING)
    for _ in range(2):
        take_look(sources, {"api_change": conditions.api_changes})
    opened = [one for one in open_alarms(sources.warehouse) if one.kind == "api_change"]
    assert [one.subject for one in opened] == ["droplet: new field subnet_uuid"]
    later = replace(sources, now=sources.now + timedelta(days=8))
    assert conditions.api_changes(later).bad == [], "it is known by then"
