"""Our own errors as Dagster's: one sentence, repeated where that helps, told once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import dagster as dg
from dagster._core.errors import DagsterUserCodeProcessError
from dagster._core.execution.context.compute import current_execution_context
from dagster_shared.error import SerializableErrorInfo

from ..common import foreign_text
from ..digitalocean import DigitalOcean, DigitalOceanError
from ..digitalocean.clients import Clients
from ..settings import Purpose, SettingsError
from ..warehouse.dagster_marks import WHOLE_ACCOUNT
from ..warehouse.errors import WarehouseError, WarehouseUnreachable

T = TypeVar("T")


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
    account_wide = isinstance(error, DigitalOceanError) and error.account_wide
    return PlainFailure(sentence, {WHOLE_ACCOUNT: True} if account_wide else None)


def _show_on_asset(step: Any, sentence: str) -> None:
    """Tell on an asset's own page why it was not filled: Dagster names there the run alone."""
    context = step.op_execution_context
    for key in context.selected_asset_keys if context.has_assets_def else ():
        context.log_event(dg.AssetObservation(key, metadata={"problem": sentence}))


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
