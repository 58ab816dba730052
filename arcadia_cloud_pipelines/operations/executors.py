"""What executes the steps of a run: ARCADIA_EXECUTOR."""

from __future__ import annotations

import dagster as dg

from ..settings import Executor, SettingsError


def executor_definition(name: Executor) -> dg.ExecutorDefinition:
    """Return Dagster's executor of this name.

    Raises:
        SettingsError: what it needs is not installed.
    """
    if name is Executor.MULTIPROCESS:
        return dg.multiprocess_executor
    if name is Executor.CELERY:
        try:
            from .celery_executor import arcadia_celery_executor
        except ModuleNotFoundError as error:
            raise SettingsError(
                f"ARCADIA_EXECUTOR is celery, and {error.name} is not installed: install "
                "arcadia-cloud-pipelines[celery]"
            ) from None
        return arcadia_celery_executor
    # One process a run: a process for each step would cost more than the work.
    return dg.in_process_executor
