"""Which queue of Celery a step waits in, and before which others."""

from __future__ import annotations

from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.step import ExecutionStep
from dagster._core.storage.tags import PRIORITY_TAG
from dagster_celery.tags import DAGSTER_CELERY_QUEUE_TAG, DAGSTER_CELERY_STEP_PRIORITY_TAG

from ..settings import DEFAULT_QUEUE

MIDDLE_PRIORITY, MOST_PRIORITY = 5, 10


def routed(plan: ExecutionPlan) -> ExecutionPlan:
    """Return a plan whose steps say their queue and priority as dagster-celery reads them."""
    steps = {
        handle: step._replace(tags={**step.tags, **_route(step)})
        if isinstance(step, ExecutionStep)
        else step
        for handle, step in plan.step_dict.items()
    }
    return plan._replace(
        step_dict=steps, step_dict_by_key={step.key: step for step in steps.values()}
    )


def _route(step: ExecutionStep) -> dict[str, str]:
    wanted = MIDDLE_PRIORITY + int(step.tags.get(PRIORITY_TAG, "0"))
    return {
        DAGSTER_CELERY_QUEUE_TAG: step.pool or DEFAULT_QUEUE,
        DAGSTER_CELERY_STEP_PRIORITY_TAG: str(min(max(wanted, 0), MOST_PRIORITY)),
    }
