"""Shared parts of all Dagster definitions: resources, error reporting, metadata.

With `dagster_runs` the only module besides `assets.py`, `checks.py`, `sensors.py`, `definitions.py`
and `operations/` that imports Dagster.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

import dagster as dg
import sqlalchemy as sa
from dagster._core.errors import DagsterUserCodeProcessError
from dagster._core.execution.context.compute import current_execution_context
from dagster_shared.error import SerializableErrorInfo

from . import foreign_text
from .digitalocean import DigitalOcean, DigitalOceanError
from .digitalocean.clients import Clients
from .settings import Purpose, SettingsError, asset_owners, load_settings
from .teams import TAG, settings_of_run
from .warehouse.dagster_marks import WHOLE_ACCOUNT
from .warehouse.engine import Warehouse, open_warehouse
from .warehouse.errors import WarehouseError, WarehouseUnreachable

T = TypeVar("T")

OWNERS = asset_owners()
"""Of every asset: ARCADIA_OWNERS."""

DAILY = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=36), warn_window=timedelta(hours=26)
)
"""Freshness of what a schedule materialises once a day."""

HOURLY = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=3), warn_window=timedelta(minutes=90)
)
"""Freshness of what a schedule materialises once an hour."""

ACCOUNT_ASSET = dg.AssetKey("account")
"""Asked before whatever reads the API; a run without it goes on without it."""

RESOURCES_ASSET = dg.AssetKey("resources")
"""The table `cloud_resources` as a whole: what everybody who reads it depends on."""

RETRY = dg.RetryPolicy(
    max_retries=1, delay=15, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)
"""For errors that pass by themselves; the client has already tried for a while."""


def _clients(context: dg.InitResourceContext) -> Iterator[Clients]:
    run = context.run
    with reported_errors():
        settings = settings_of_run(load_settings(), run.tags.get(TAG) if run else None)
        clients = Clients(settings, context.resources.warehouse)
    try:
        yield clients
    finally:
        clients.close()


def _warehouse(_context: dg.InitResourceContext) -> Warehouse:
    with reported_errors():
        return open_warehouse(load_settings())


# Plain objects with a safe repr: the fields of a ConfigurableResource show in events and logs.
RESOURCES: Mapping[str, dg.ResourceDefinition] = {
    "clients": dg.ResourceDefinition(
        dg.resource(_clients).resource_fn,
        required_resource_keys={"warehouse"},
        description="DigitalOcean",
    ),
    "warehouse": dg.ResourceDefinition(_warehouse, description="The warehouse"),
}


class _InOneSentence(DagsterUserCodeProcessError):
    """An error of which Dagster keeps the words alone.

    A stack trace would hide them, and says nothing that an operator can mend. Dagster takes what an
    error of another process says as it is; this passes for one.
    """

    def __init__(self, sentence: str = "") -> None:
        told = SerializableErrorInfo(f"{sentence}\n", stack=[], cls_name="Failure")
        super().__init__(  # type: ignore[no-untyped-call]
            sentence, user_code_process_error_infos=[told]
        )


class PlainFailure(dg.Failure, _InOneSentence):
    """Fails a step for good, with one sentence and no stack trace."""

    def __init__(self, sentence: str, metadata: Mapping[str, Any] | None = None) -> None:
        """Build it.

        Args:
            sentence: names what is wrong, with which thing, and what to do.
            metadata: shown beside it.
        """
        dg.Failure.__init__(self, sentence, metadata, allow_retries=False)


class _Again(dg.RetryRequested, _InOneSentence):
    """Has the step repeated, and says why in one sentence."""

    def __init__(self, sentence: str, policy: dg.RetryPolicy, attempt: int) -> None:
        seconds = policy.calculate_delay(attempt)
        dg.RetryRequested.__init__(self, policy.max_retries, seconds)
        _InOneSentence.__init__(self, sentence)


@contextmanager
def reported_errors(*permanent: type[Exception]) -> Iterator[None]:
    """Turn our own errors into Dagster failures of one sentence; transient ones are retried.

    Args:
        permanent: further errors of the subject that no retry will mend.
    """
    try:
        yield
    except DigitalOceanError as error:
        # What is wrong with the whole account was asked for the whole run: no step asks again.
        raise _reported(error, error.transient and not error.account_wide) from None
    except WarehouseUnreachable as error:
        raise _reported(error, True) from None
    except Exception as error:
        if not isinstance(error, (WarehouseError, SettingsError, *permanent)):
            raise
        raise _reported(error, False) from None


def _reported(error: Exception, may_pass: bool) -> Exception:
    sentence = foreign_text.lines(error)
    step = current_execution_context.get()
    if step is None:  # outside of a step: in a test, or while resources are made
        return dg.Failure(sentence, allow_retries=True) if may_pass else PlainFailure(sentence)
    policy = step.op_execution_context.get_step_execution_context().op_retry_policy
    if may_pass and policy is not None and step.retry_number < policy.max_retries:
        return _Again(sentence, policy, step.retry_number + 1)
    _show_on_asset(step, sentence)
    # The last attempt. Dagster's own words for that, "Exceeded max_retries of 1", hide the cause.
    return PlainFailure(sentence, {WHOLE_ACCOUNT: True} if _is_account_wide(error) else None)


def _show_on_asset(step: Any, sentence: str) -> None:
    """Tell on an asset's own page why it was not filled: Dagster names there the run alone."""
    context = step.op_execution_context
    for key in context.selected_asset_keys if context.has_assets_def else ():
        context.log_event(dg.AssetObservation(key, metadata={"problem": sentence}))


def _is_account_wide(error: Exception) -> bool:
    return isinstance(error, DigitalOceanError) and error.account_wide


class _Told:
    """Reasons of failure that several steps of one run share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._run_id = ""
        self._sentences: set[str] = set()

    def is_news(self, run_id: str, sentence: str) -> bool:
        """Return false for what a step of this run failed for already."""
        with self._lock:
            if run_id != self._run_id:  # a process works on one run after the other
                self._run_id, self._sentences = run_id, set()
            news = sentence not in self._sentences
            self._sentences.add(sentence)
            return news


_told = _Told()


def unless_told(work: Callable[[], T]) -> T | None:
    """Return what `work` returns, or None where another step failed for what keeps it from that.

    Of an outage a run tells once, with one failed step: the others are skipped. The asset must be
    allowed to yield nothing (`output_required=False`).
    """
    with reported_errors():
        try:
            return work()
        except (DigitalOceanError, SettingsError) as error:
            step = current_execution_context.get()
            if step is None or (isinstance(error, DigitalOceanError) and not error.account_wide):
                raise
            told = foreign_text.line(error)
            if _told.is_news(step.run.run_id, told):
                raise
            step.log.warning(f"Skipped, because another step failed for this reason: {told}")
    return None


def unless_out(clients: Clients, purpose: Purpose, read: Callable[[DigitalOcean], T]) -> T | None:
    """Return what `read` returns with the client of a purpose, or None as `unless_told` does."""

    def asked() -> T:
        client = clients.for_purpose(purpose)
        try:
            return read(client)
        except DigitalOceanError as error:
            raise client.cause(error) from None

    return unless_told(asked)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> dg.MetadataValue:
    """Return a table for people whose cells are shown as they are.

    Never Markdown: Dagster's UI would load the picture that a name of the account asks for.
    """
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    name: "" if value is None else foreign_text.line(value)
                    for name, value in zip(columns, row, strict=True)
                }
            )
            for row in rows
        ],
        dg.TableSchema([dg.TableColumn(name, "text") for name in columns]),
    )


def metadata(values: Mapping[str, Any] | None = None, /, **more: Any) -> dict[str, Any]:
    """Return what the page of an asset shows of one run: what says nothing is left out.

    `metadata(changed=0, note=None, open_usd=Decimal("3.50"))` is `{"open_usd": 3.5}`. Left out are
    None, counts of zero, empty texts, lists and tables. A Decimal becomes a number, which Dagster
    plots over time, and stays at zero, too, like row counts; an aware time becomes a timestamp.

    Args:
        values: by name, where a name is not a word of Python.
        more: the same.
    """
    found = {**(values or {}), **more}
    return {
        name: _shown(value)
        for name, value in found.items()
        if name.endswith("row_count") or isinstance(value, Decimal | float) or not _is_empty(value)
    }


def _is_empty(value: Any) -> bool:
    if isinstance(value, dg.TableMetadataValue):
        return not value.records
    if isinstance(value, dg.MarkdownMetadataValue):
        return not value.md_str
    return not value and value is not False


def _shown(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return timestamp(value) if isinstance(value, datetime) else value


@cache  # Each kind's asset shows the same table.
def column_schema(table: sa.Table) -> dg.TableSchema:
    """The table's columns and their comments, as the Dagster UI shows them."""
    from sqlalchemy.dialects import postgresql

    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.type.compile(postgresql.dialect()).lower(),  # type: ignore[no-untyped-call]
                description=column.comment,
                constraints=dg.TableColumnConstraints(
                    nullable=bool(column.nullable), unique=bool(column.primary_key)
                ),
            )
            for column in table.columns
        ],
    )


def table_metadata(table: sa.Table) -> dict[str, Any]:
    """Definition metadata of an asset that writes `table`."""
    return {
        "dagster/table_name": f"public.{table.name}",
        "dagster/column_schema": column_schema(table),
    }


def view_asset(key: dg.AssetKey | str, metadata: Mapping[str, Any], **options: Any) -> dg.AssetSpec:
    """Return an asset that is never a step: what it shows is as new as what it depends on.

    Dagster calls it virtual. In a run, what depends on it waits for what it depends on.

    Args:
        key: of the asset.
        metadata: such as `table_metadata` gives, where people find it.
        options: of `AssetSpec`, such as `deps`, `group_name` and `description`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetSpec(key, is_virtual=True, owners=OWNERS, metadata=metadata, **options)


def timestamp(value: Any) -> dg.MetadataValue:
    """An aware datetime as metadata."""
    return dg.MetadataValue.timestamp(value.astimezone(UTC))
