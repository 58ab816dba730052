"""Ask for all metrics, and write them as Prometheus reads them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from ..warehouse.errors import WarehouseError
from ..warehouse.statements import Statements

WAREHOUSE = Statements(str(Path(__file__).with_name("warehouse")))
ORCHESTRATION = Statements(str(Path(__file__).with_name("orchestration")))

HELP = {
    "arcadia_up": "1 when the database answered every question of this scrape, else 0.",
    "arcadia_source_age_seconds": "Age of the newest complete reading of a source.",
    "arcadia_source_complete": "1 when the newest reading of a source was whole.",
    "arcadia_source_late": "1 when a source is older than its schedule allows.",
    "arcadia_team_account": "1 for the account of each team, where several are mirrored.",
    "arcadia_live_resources": "Resources that exist.",
    "arcadia_open_drift": "Fields that differ from what is desired.",
    "arcadia_limit_used": "How much of a limit of the account, or of the API, is used.",
    "arcadia_limit_allowed": "How much a limit of the account, or of the API, allows.",
    "arcadia_invoices": "Invoices by whether they add up.",
    "arcadia_unmatched_dollars": "US dollars of the newest month without a resource, by reason.",
    "arcadia_alarms": "What is bad now and was told, by severity.",
    "arcadia_alarm_messages_unsent": "Messages that a channel has not taken yet.",
    "arcadia_database_bytes": "Size of a database.",
    "arcadia_runs": "Runs of Dagster that wait or work, by state.",
    "arcadia_queue_age_seconds": "Age of the oldest run that waits; 0 when none does.",
    "arcadia_job_last_success_age_seconds": "Time since a job last ended well.",
    "arcadia_job_failed": "1 when the newest run of a job that came to an end failed.",
    "arcadia_daemon_silent_seconds": "Time since the most silent part of the daemon gave a sign.",
}
"""Each metric, with what it is."""

Connect = AbstractContextManager[sa.Connection]

_log = logging.getLogger(__name__)


class _Scrape(Collector):
    """Holds the answers of one scrape."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def exposition(databases: Iterable[tuple[str, Statements, Connect]]) -> bytes:
    """Return all metrics in Prometheus' text format.

    A database that is away, or of another release, costs its own metrics: absence of an answer
    is `arcadia_up` 0 and no number.

    Args:
        databases: name, what to ask, and a transaction to ask it in.
    """
    families: dict[str, GaugeMetricFamily] = {}
    for name, statements, connect in databases:
        answers: list[tuple[str, dict[str, str], float]] = []
        try:
            with connect as connection:
                for metric in statements:
                    answers += _rows(connection, statements, metric)
        except (WarehouseError, SQLAlchemyError) as error:
            _log.warning("metrics: %s gave no answer: %s", name, type(error).__name__)
            answers = [("arcadia_up", {"database": name}, 0)]
        else:
            answers.append(("arcadia_up", {"database": name}, 1))
        for metric, labels, value in answers:
            family = families.setdefault(
                metric, GaugeMetricFamily(metric, HELP[metric], labels=list(labels))
            )
            family.add_metric(list(labels.values()), value)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Scrape(families.values()))
    return generate_latest(registry)


def _rows(
    connection: sa.Connection, statements: Statements, metric: str
) -> Iterator[tuple[str, dict[str, str], float]]:
    for row in statements.run(connection, metric).mappings():
        if row["value"] is None:  # nothing is known, which is no number
            continue
        labels = {name: str(value) for name, value in row.items() if name != "value"}
        yield metric, labels, float(row["value"])
