"""The jobs of drift: what the schedules start, and accepting by hand."""

from typing import Any

import dagster as dg
from pydantic import Field

from ..dagster_support.errors import reported_errors
from ..settings import Purpose
from ..warehouse.engine import Warehouse
from .accept import SHOWN, accept
from .errors import DriftError
from .words import accepted_text

# The schedule's job is the sweep alone: a kind that failed, or a broken state file, stops nothing.
sweep_job = dg.define_asset_job(
    "drift_sweep",
    selection=dg.AssetSelection.assets("drift_records"),
    description="Compare every spec with what is live.",
)

terraform_job = dg.define_asset_job(
    "terraform_import",
    selection=dg.AssetSelection.assets("terraform_specs"),
    description="Record what the configured Terraform states desire.",
)


class AcceptConfig(dg.Config):
    """Which drift to accept, who does, and why."""

    drift_id: int = Field(description="`cloud_drift.id`, as the inbox shows it.")
    actor: str = Field(description="Who accepts.")
    reason: str = Field(default="", description="Why.")
    expected_actual: str = Field(
        default="",
        description="The live value that was seen, as JSON; the record's own when empty.",
    )


@dg.op(pool=Purpose.PROVISIONING.value)
def accept_drift(
    context: dg.OpExecutionContext, config: AcceptConfig, warehouse: dg.ResourceParam[Warehouse]
) -> None:
    """Make the live value of one open record the desired one."""
    with reported_errors(DriftError):
        accepted = accept(
            warehouse,
            config.drift_id,
            actor=config.actor,
            reason=_through_ui(context.run_id, config.reason),
            expected_actual=_parsed(config.expected_actual),
        )
    context.log.info(
        f"Drift {accepted.id}, accepted by {accepted.accepted_by}: "
        f"{accepted_text(accepted.field, accepted.after)}."
    )
    context.add_output_metadata(
        {
            "field": accepted.field,
            "before": dg.MetadataValue.json(accepted.before),
            "after": dg.MetadataValue.json(accepted.after),
            "spec_version": accepted.spec_version,
        }
    )


def _through_ui(run_id: str, reason: str) -> str:
    """Return the reason with the way it came: Dagster has no login, so the actor is a claim."""
    way = f"through the Dagster UI, run {run_id}"
    return f"{way}: {reason}" if reason.strip() else way


def _parsed(text: str) -> Any:
    import orjson

    try:
        return orjson.loads(text) if text else SHOWN
    except orjson.JSONDecodeError:
        return text


@dg.job(
    name="drift_accept",
    description="Accept one open drift: what is live becomes what is desired.",
)
def accept_job() -> None:
    """One op."""
    accept_drift()
